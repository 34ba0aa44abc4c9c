//! The entry in the text of a settings file. Comments, order and spaces of the rest stay as they are.

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstRootNode},
};
use toml_edit::{Array, DocumentMut, Item, Table, value};
use trainyard_contract::{Error, Result};

use super::Form;

/// Name of the entry.
const NAME: &str = "trainyard";
/// Table of the servers in a TOML file.
const TABLE: &str = "mcp_servers";

/// How the server is started.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) command: String,
    pub(crate) arguments: Vec<String>,
}

/// The text with the entry in it.
pub(super) fn with(form: Form, text: &str, server: &Server) -> Result<String> {
    match form {
        Form::Json { key, typed } => {
            let root = json(text)?;
            let wrong = || malformed(&format!("{key} is no object"));
            let whole = root.object_value_or_create().ok_or_else(|| malformed("it is no object"))?;
            let servers = whole.object_value_or_create(key).ok_or_else(wrong)?;
            match servers.get(NAME) {
                Some(property) => property.set_value(as_json(server, typed)),
                None => drop(servers.append(NAME, as_json(server, typed))),
            }
            Ok(ended(root.to_string()))
        }
        Form::Toml => {
            let mut whole = toml(text)?;
            let mut servers = Table::new();
            servers.set_implicit(true);
            let servers = whole.entry(TABLE).or_insert(Item::Table(servers));
            let servers = servers.as_table_like_mut().ok_or_else(|| malformed("mcp_servers is no table"))?;
            let table = servers.entry(NAME).or_insert_with(|| Item::Table(Table::new()));
            let table = table.as_table_like_mut().ok_or_else(|| malformed("mcp_servers.trainyard is no table"))?;
            table.insert("command", value(&server.command));
            table.insert("args", value(server.arguments.iter().collect::<Array>()));
            Ok(whole.to_string())
        }
    }
}

/// The text without it.
pub(super) fn without(form: Form, text: &str) -> Result<String> {
    match form {
        Form::Json { key, .. } => {
            let root = json(text)?;
            let servers = root.object_value().and_then(|whole| whole.object_value(key));
            if let Some(property) = servers.and_then(|servers| servers.get(NAME)) {
                property.remove();
            }
            Ok(root.to_string())
        }
        Form::Toml => {
            let mut whole = toml(text)?;
            if let Some(servers) = whole.get_mut(TABLE).and_then(Item::as_table_like_mut) {
                servers.remove(NAME);
            }
            Ok(whole.to_string())
        }
    }
}

fn json(text: &str) -> Result<CstRootNode> {
    CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| malformed(&error.to_string()))
}

fn toml(text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| malformed(error.message()))
}

fn malformed(why: &str) -> Error {
    Error::validation(format!("the settings file cannot be read: {why}"))
        .hint("mend it first; nothing was changed. --print shows the entry to write by hand")
}

fn as_json(server: &Server, typed: bool) -> CstInputValue {
    let text = |text: &str| CstInputValue::String(text.to_owned());
    let mut members = Vec::new();
    if typed {
        members.push(("type".to_owned(), text("stdio")));
    }
    members.push(("command".to_owned(), text(&server.command)));
    members.push(("args".to_owned(), CstInputValue::Array(server.arguments.iter().map(|it| text(it)).collect())));
    CstInputValue::Object(members)
}

fn ended(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Form = Form::Json { key: "mcpServers", typed: false };

    fn server(arguments: &[&str]) -> Server {
        Server { command: "/bin/trainyard".into(), arguments: arguments.iter().map(|it| (*it).to_owned()).collect() }
    }

    #[test]
    fn what_others_wrote_in_a_json_file_stays() {
        let before = "{\n  // mine\n  \"theme\": \"dark\", /* yes */\n  \"mcpServers\": {\n    \"other\": { \"command\": \"x\" }, // keep\n  }\n}\n";
        let after = with(JSON, before, &server(&["serve"])).unwrap();
        for piece in ["// mine", "/* yes */", "\"other\": { \"command\": \"x\" }", "// keep", "/bin/trainyard"] {
            assert!(after.contains(piece), "{piece} is not in {after}");
        }
        assert_eq!(with(JSON, &after, &server(&["serve"])).unwrap(), after, "once more changes nothing");
        let changed = with(JSON, &after, &server(&["serve", "--allow-write"])).unwrap();
        assert!(
            changed.contains("--allow-write")
                && changed.matches("trainyard\"").count() == after.matches("trainyard\"").count()
        );
        let gone = without(JSON, &changed).unwrap();
        assert!(!gone.contains("trainyard") && gone.contains("// keep") && gone.contains("\"other\""), "{gone}");
        assert_eq!(without(JSON, &gone).unwrap(), gone);
    }

    #[test]
    fn what_others_wrote_in_a_toml_file_stays() {
        let before = "# mine\nmodel = \"x\"  # yes\n\n[mcp_servers.other]\ncommand = \"y\"\n";
        let after = with(Form::Toml, before, &server(&["serve"])).unwrap();
        assert!(after.starts_with(before), "{after}");
        assert!(after.contains("[mcp_servers.trainyard]\ncommand = \"/bin/trainyard\"\nargs = [\"serve\"]"), "{after}");
        assert_eq!(with(Form::Toml, &after, &server(&["serve"])).unwrap(), after);
        assert_eq!(without(Form::Toml, &after).unwrap().trim_end(), before.trim_end());
    }

    #[test]
    fn an_empty_file_gets_the_entry_and_a_broken_one_is_left_alone() {
        for form in [JSON, Form::Toml] {
            let text = with(form, "", &server(&["serve"])).unwrap();
            assert!(text.contains("/bin/trainyard"), "{text}");
        }
        for text in ["[]", "{", "{\"mcpServers\": 1}", "nonsense"] {
            assert!(with(JSON, text, &server(&[])).is_err(), "{text}");
        }
        for text in ["a = ", "mcp_servers = 1", "[mcp_servers]\ntrainyard = 1"] {
            assert!(with(Form::Toml, text, &server(&[])).is_err(), "{text}");
        }
    }
}
