//! A proxy on the way to a cluster.

use std::{
    io::{Read, Write, copy},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use trainyard_k8s::{Engine, Proxy, Settings};

use crate::{aws, cluster, known, kubeconfig, sandbox};

/// A proxy that leads everywhere to one address, and tells the heads of what it was asked.
fn proxy(to: SocketAddr) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, sender) = (client.unwrap(), sender.clone());
            thread::spawn(move || {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
                    head.push(byte[0]);
                }
                sender.send(String::from_utf8(head).unwrap()).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let server = TcpStream::connect(to).unwrap();
                let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || copy(&mut up, &mut down));
                drop(copy(&mut &server, &mut client));
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn the_way_leads_through_the_proxy_of_the_environment_and_stays_encrypted() {
    let (server, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (address, heads) = proxy(server.address());
    let mut far = known(&server, "https://cluster.invalid:6443");
    far["tls-server-name"] = "localhost".into();
    let https = Some(format!("http://user:pass@{address}"));
    let usual = kubeconfig(folder.path(), &[("far", far), ("near", known(&server, &server.url()))]);
    let settings = Settings { proxy: Proxy { https, no_proxy: None }, ..usual };
    let engine = Engine::new(settings, aws(None));
    cluster(&engine, "near").version().await.unwrap();
    assert!(heads.try_recv().is_err(), "this machine is reached without one");
    cluster(&engine, "far").version().await.unwrap();
    let head = heads.try_recv().unwrap();
    assert!(head.starts_with("CONNECT cluster.invalid:6443 "), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic "), "{head}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_cluster_of_the_kubeconfig_may_have_a_proxy_of_its_own() {
    let (server, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (address, heads) = proxy(server.address());
    let mut far = known(&server, "https://cluster.invalid:6443");
    far["tls-server-name"] = "localhost".into();
    far["proxy-url"] = format!("http://{address}").into();
    let settings = kubeconfig(folder.path(), &[("far", far)]);
    // Nobody is there.
    let proxy = Proxy { https: Some("http://127.0.0.1:9".into()), no_proxy: None };
    let engine = Engine::new(Settings { proxy, ..settings }, aws(None));
    cluster(&engine, "far").version().await.unwrap();
    assert!(heads.try_recv().unwrap().starts_with("CONNECT cluster.invalid:6443 "));
}
