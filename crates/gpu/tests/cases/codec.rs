//! Values that HAMi and its tests are known to write, case by case.

use trainyard_gpu::codec::{
    Handshake, HandshakeState, Lock, LockState, MigAllocation, MigSlot, decode_containers, decode_register,
    decode_scores,
};

#[test]
fn text_registers_of_every_release() {
    let seven = "GPU-00552014-5c87-89ac-b1a6-7b53aa24b0ec,10,32768,100,NVIDIA-Tesla V100-PCIE-32GB,0,true:\
                 GPU-0fc3eda5-e98b-a25b-5b0d-cf5c855d1448,10,32768,100,NVIDIA-Tesla V100-PCIE-32GB,0,true:";
    let cards = decode_register(seven).unwrap();
    assert_eq!(cards.len(), 2);
    assert_eq!((cards[1].count, cards[1].memory_mib, cards[1].cores), (10, 32768, 100));
    assert_eq!((cards[1].index, &*cards[1].mode, &*cards[1].model), (0, "hami-core", "NVIDIA-Tesla V100-PCIE-32GB"));

    let nine = "GPU-ebe7c3f7-303d-558d-435e-99a160631fe4,10,7680,100,NVIDIA-Tesla P4,0,true,1,hami-core:";
    assert_eq!(decode_register(nine).unwrap()[0].index, 1);
    let mig = "GPU-3ef99f5d-fe9f-a0cb-4eae-42f654a5f64d,10,95830,100,NVIDIA-NVIDIA H100 NVL,0,true,0,mig:";
    assert_eq!(decode_register(mig).unwrap()[0].mode, "mig");
    let dcu = decode_register("test-0,1,1024,100,DCU,0,true,0,test:").unwrap();
    assert_eq!((&*dcu[0].id, &*dcu[0].mode), ("test-0", "test"));
    let iluvatar = decode_register("GPU-bad51c5a-ed4c-591d-91bf-c04a12e19eae,10,8192,100,MR-V100,0,true:").unwrap();
    assert_eq!(iluvatar[0].memory_mib, 8192);
}

#[test]
fn json_registers_of_every_vendor() {
    let nvidia = r#"[{"id":"GPU-0","count":5,"devmem":8192,"devcore":100,"type":"NVIDIA-Tesla P4","numa":0,"health":true,"index":0}]"#;
    assert!(decode_register(nvidia).unwrap()[0].healthy);
    let logged = r#" [{"id":"GPU-4f026841-54b1-eb28-d2c2-2339b9682ec1","count":100,"devmem":32768,"devcore":100,
        "type":"NVIDIA-NVIDIA GeForce RTX 3070","mode":"hami-core","health":true}] "#;
    let logged = decode_register(logged).unwrap();
    assert_eq!((logged[0].index, logged[0].numa, logged[0].count), (0, 0, 100));
    let ascend =
        r#"[{"ID":"GPU-0","Count":4,"Devmem":8738,"Devcore":8,"Type":"huawei.com/Ascend910","Numa":0,"Health":true}]"#;
    let ascend = decode_register(ascend).unwrap();
    assert_eq!((&*ascend[0].id, ascend[0].memory_mib, ascend[0].healthy), ("GPU-0", 8738, true));
    let amd = r#"[{"id":"amd-0","index":0,"count":1,"devmem":196608,"devcore":304,"type":"AMD Instinct MI300X VF","numa":0,
        "mode":"hami-core","health":true}]"#;
    assert_eq!(decode_register(amd).unwrap()[0].cores, 304);
    let vastai = r#"[{"id":"7-0","count":1,"devmem":32768,"type":"Vastai","health":true,"devicepairscore":{}}]"#;
    assert_eq!(decode_register(vastai).unwrap()[0].id, "7-0");
    assert_eq!(decode_register(r#"[{"index":1,"id":"id-1","count":1}]"#).unwrap()[0].index, 1);
    assert!(decode_register("[]").unwrap().is_empty());
}

#[test]
fn what_is_left_out_of_json_is_zero_and_no_health_is_unhealthy() {
    let cards = decode_register(r#"[{"id":"GPU-0","devmem":null,"unknown":[1,{"a":2}]}]"#).unwrap();
    assert!(!cards[0].healthy);
    assert_eq!((cards[0].index, cards[0].count, cards[0].memory_mib, cards[0].cores), (0, 0, 0, 0));
    assert_eq!(cards[0].mode, "");
}

#[test]
fn mig_profiles_and_geometries() {
    let new = r#"[{"id":"GPU-0","count":7,"devmem":40960,"devcore":100,"type":"NVIDIA-A100-SXM4-40GB","health":true,"mode":"mig",
        "migProfiles":[{"name":"1g.5gb","memoryMB":5120,"core":14,"sliceCount":1,"instanceCount":7,"multiprocessorCount":14,
        "placements":[{"start":6,"size":1}]}]}]"#;
    let profile = &decode_register(new).unwrap()[0].mig_profiles[0];
    assert_eq!((&*profile.name, profile.memory_mib, profile.placements[0].start), ("1g.5gb", 5120, 6));
    let old = r#"[{"id":"GPU-0","migtemplate":[[{"Name":"1g.5gb","Core":14,"Memory":5120,"Count":7}],
        [{"Name":"2g.10gb","Memory":10240,"Count":3},{"Name":"1g.5gb","Memory":5120,"Count":1}]]}]"#;
    let geometries = &decode_register(old).unwrap()[0].mig_geometries;
    assert_eq!((geometries.len(), geometries[1][0].count, geometries[1][1].memory_mib), (2, 3, 5120));
}

#[test]
fn malformed_registers_are_refused_as_a_whole_with_a_reason() {
    for (value, says) in [
        ("", "has no `:`"),
        ("GPU-0,1,2", "has no `:`"),
        ("test-0,1,1024,100,DCU:", "7 and 9 are known"),
        ("a,1,1,1,b,0,true,0,m,extra:", "7 and 9 are known"),
        ("a,1,1,1,b,0,true,0:", "7 and 9 are known"),
        ("abc:", "7 and 9 are known"),
        ("a,x,1,1,b,0,true:", "count \"x\""),
        ("a,1,3000000000,1,b,0,true:", "memory \"3000000000\""),
        ("a,1,1,1,b,0,yes:", "health \"yes\""),
        ("a,1,1,1,b,0,true,-1,m:", "index \"-1\""),
        // The second card is cut short.
        ("MLU-45013011,10,23308,0,MLU-MLU370-X4,0,false:MLU-54043011,10,23308,0,:", "7 and 9 are known"),
        ("[1]", "a device must be a JSON object"),
        ("[{\"count\":3000000000}]", "`count` is \"3000000000\""),
        ("[{\"count\":1.5}]", "`count`"),
        ("[{\"index\":-1}]", "`index`"),
        ("[{\"health\":\"true\"}]", "`health` must be true or false"),
        ("[{\"id\":7}]", "`id` must be text"),
        ("[", "not JSON"),
        ("[{}", "not JSON"),
    ] {
        let error = decode_register(value).unwrap_err().to_string();
        assert!(error.contains(says), "{value}: {error}");
    }
    assert!(decode_register(":").unwrap().is_empty());
    assert!(decode_register("::").unwrap().is_empty());
}

#[test]
fn containers_keep_their_place() {
    let of = |value: &str| decode_containers(value).unwrap();
    let two = of("GPU-8dcd427f,NVIDIA,500,3:;GPU-ebe7c3f7,NVIDIA,500,3:;");
    assert_eq!((two.len(), two[1][0].memory_mib, two[1][0].cores), (2, 500, 3));
    assert_eq!(of("GPU-init1,NVIDIA,500,10:;;").iter().map(Vec::len).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(of(";;GPU-main1,NVIDIA,2000,50:;").iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(of(";device-0,MLU,256000,1:;").iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
    for value in
        ["k8s-gpu-iluvatar-0,MR-V100,0,0:;", "test1,Biren,2048,1:;", "testnode-GCU-0,GCU,0,0:;", "a,b,1,2,more:;"]
    {
        assert_eq!(of(value)[0].len(), 1, "{value}");
    }
    assert!(of("").is_empty());
    assert_eq!(of("GPU-0,NVIDIA,1,1:GPU-1,NVIDIA,1,1:;")[0].len(), 2);
    // Without the separator at the end, and with a segment that is no device.
    assert_eq!(of("nothing:GPU-0,NVIDIA,1,1")[0].len(), 1);
    for bad in ["uuid,type,100:;", ",,,;", "a,b,1,2147483648:;"] {
        assert!(decode_containers(bad).is_err(), "{bad}");
    }
}

#[test]
fn mig_suffixes_are_parted_from_the_card() {
    assert_eq!(MigSlot::split("GPU-xxxxxxxx[1-2]"), ("GPU-xxxxxxxx", Some(MigSlot { geometry: 1, slot: 2 })));
    for plain in ["GPU-x", "GPU-x[]", "GPU-x[1]", "GPU-x[a-b]", "GPU-x[1-2", "[", "]"] {
        assert_eq!(MigSlot::split(plain), (plain, None));
    }
}

#[test]
fn mig_allocations_are_whole_or_refused() {
    let made = r#"[{"containerIndex":0,"deviceIndex":0,"gpuUUID":"GPU-xxxxxxxx","profile":"2g.10gb","placement":{"start":2,"size":2},
        "migUUID":"MIG-xxxxxxxx","gpuInstanceID":4,"computeInstanceID":0}]"#;
    let made = &MigAllocation::decode(made).unwrap()[0];
    assert_eq!(made.instance.as_ref().unwrap().gpu_instance, 4);
    let promised = r#"[{"containerIndex":0,"deviceIndex":0,"gpuUUID":"GPU-live","profile":"1g.5gb","placement":{"start":6,"size":1}}]"#;
    assert!(MigAllocation::decode(promised).unwrap()[0].instance.is_none());
    let with = |more: &str| {
        format!(
            r#"[{{"containerIndex":0,"deviceIndex":0,"gpuUUID":"G","profile":"p","placement":{{"start":0,"size":1}}{more}}}]"#
        )
    };
    for part in [r#","migUUID":"M""#, r#","gpuInstanceID":1"#, r#","migUUID":"M","computeInstanceID":1"#] {
        assert!(MigAllocation::decode(&with(part)).unwrap_err().to_string().contains("not all"), "{part}");
    }
    let one = with("");
    let twice = format!("[{0},{0}]", one.trim_matches(['[', ']']));
    assert!(MigAllocation::decode(&twice).unwrap_err().to_string().contains("twice"));
    assert!(MigAllocation::decode(r#"[{"containerIndex":0}]"#).is_err());
}

#[test]
fn pair_scores() {
    let scores = decode_scores(
        r#"[{"uuid":"GPU-0","score":{"GPU-1":100}},{"uuid":"GPU-1","score":{"GPU-0":100}},{"uuid":"GPU-2"}]"#,
    )
    .unwrap();
    assert_eq!(scores["GPU-0"]["GPU-1"], 100);
    assert!(scores["GPU-2"].is_empty());
    assert!(decode_scores(r#"[{"uuid":"GPU-0","score":{"GPU-1":"far"}}]"#).is_err());
}

#[test]
fn handshakes_in_every_notation() {
    let at = 1_705_984_204;
    let reported = "Reported 2024-01-23 04:30:04.434037031 +0000 UTC m=+1104711.777756895";
    assert_eq!(Handshake::parse(reported).unwrap(), Handshake::Reported { at });
    assert_eq!(Handshake::parse("Requesting_2024-01-23 04:30:04").unwrap(), Handshake::Requesting { at });
    assert_eq!(Handshake::parse("Requesting_2024.01.23 04:30:04").unwrap(), Handshake::Requesting { at });
    assert_eq!(Handshake::parse("Deleted_2024-01-23 04:30:04").unwrap(), Handshake::Deleted { at });
    for bad in ["", "Requesting_", "Requesting_yesterday", "Reported", "Maybe_2024-01-23 04:30:04"] {
        assert!(Handshake::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_old_request_is_no_outage_while_the_node_offers_devices() {
    let asked = Handshake::Requesting { at: 1000 };
    assert_eq!(asked.state(1_000_000, true), HandshakeState::Alive);
    assert_eq!(asked.state(1060, false), HandshakeState::Waiting);
    assert_eq!(asked.state(1061, false), HandshakeState::Silent);
    assert_eq!(Handshake::Reported { at: 0 }.state(1_000_000, false), HandshakeState::Alive);
    assert_eq!(Handshake::Deleted { at: 0 }.state(0, true), HandshakeState::Removed);
}

#[test]
fn locks_with_and_without_an_owner() {
    let bare = Lock::parse("2024-01-23T04:30:04Z").unwrap();
    assert_eq!((bare.at, &bare.owner), (1_705_984_204, &None));
    let owned = Lock::parse("2024-01-23T04:30:04Z,default,nozerorr").unwrap();
    assert_eq!(owned.owner, Some(("default".to_owned(), "nozerorr".to_owned())));
    for bad in ["lock-values,default,nozerorr", "2024-01-23T04:30:04Z,default", "2024-01-23T04:30:04Z,a,b,c", ""] {
        assert!(Lock::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(owned.state(bare.at + 299, 300, None), LockState::Held);
    assert_eq!(owned.state(bare.at + 299, 300, Some(false)), LockState::Dangling);
    assert_eq!(owned.state(bare.at + 301, 300, Some(true)), LockState::Expired);
}
