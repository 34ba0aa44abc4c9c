//! The sources of this crate as items and the names that they use. The formatter's layout is what makes it this simple:
//! items begin and end at the start of a line.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
    sync::LazyLock,
};

use regex::Regex;

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).unwrap());
    };
}

pattern!(USE, r"(?m)^(?:pub(?:\([a-z0-9_: ]+\))? )?use ([^;]+);");
pattern!(PUBLIC, r"^pub(\([a-z0-9_: ]+\))? ");
pattern!(ITEM, r"^(?:(?:const |async )*fn|struct|enum|const|static|type|trait) (\w+)");
pattern!(SUBJECT, r"^impl(?:<.*?>)? (?:.* for )?(\w+)");
pattern!(TEXT, r#"(?s)"((?:[^"\\]|\\.)*)""#);
pattern!(ASSOCIATED, r"\btype \w+");
pattern!(PATH, r"[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*");

/// A module, by its path below the crate.
type Module = Vec<String>;
/// An item: where, and what it is called. All `impl` blocks of a type are one item.
type Key = (Module, String);

/// What can be reached from one call.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) operations: BTreeSet<String>,
    /// Texts, item by item.
    pub(super) literals: Vec<Vec<String>>,
}

/// One item at the start of a line.
struct Block {
    text: String,
    /// Names that it uses.
    paths: Vec<Vec<String>>,
    literals: Vec<String>,
}

/// All modules, what they import, and their items.
pub(super) struct Crate {
    imports: HashMap<Module, HashMap<String, Module>>,
    items: HashMap<Key, Vec<Block>>,
    operations: HashMap<Key, String>,
}

impl Crate {
    pub(super) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut all = Self { imports: HashMap::new(), items: HashMap::new(), operations: HashMap::new() };
        let sources: Vec<(Module, String)> = crate::registry_tests::sources()
            .into_iter()
            .filter(|(path, _)| !path.contains("_tests"))
            .map(|(path, text)| (module(Path::new(&path).strip_prefix(&root).unwrap()), text))
            // What is found out for a policy is no part of a call.
            .filter(|(module, _)| module != &["policy"])
            .collect();
        for (module, _) in &sources {
            all.imports.insert(module.clone(), HashMap::new());
        }
        for (module, text) in &sources {
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            all.take_imports(module, code);
            for block in blocks(code) {
                all.take_item(module, block);
            }
        }
        all
    }

    fn take_imports(&mut self, module: &Module, code: &str) {
        for found in USE.captures_iter(code) {
            for (name, path) in branches(&found[1], &[]) {
                if let Some(target) = self.absolute(module, &path) {
                    self.imports.get_mut(module).unwrap().insert(name, target);
                }
            }
        }
    }

    fn take_item(&mut self, module: &Module, block: String) {
        let head = block.lines().find(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
        let Some(head) = head.map(str::to_owned) else { return };
        let Some(name) = named(&head) else { return };
        let key = (module.clone(), name);
        if head.starts_with("impl Operation for ") {
            let of = |what: &str| {
                let line = block.lines().find(|line| line.contains(what)).unwrap();
                line.split('"').nth(1).unwrap().to_owned()
            };
            self.operations.insert(key.clone(), format!("{}:{}", of("const SERVICE"), of("const ACTION")));
        }
        let (code, literals) = without_texts(&block);
        self.items.entry(key).or_default().push(Block { paths: paths(&code), literals, text: block });
    }

    /// The path from the root of the crate; `None` where it leads out of it.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (mut base, mut rest) = (module.clone(), path);
        match path.first()?.as_str() {
            "crate" => (base, rest) = (Module::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                let mut child = module.clone();
                child.push(first.to_owned());
                self.imports.contains_key(&child).then_some(())?;
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The item that a path means in a module.
    fn meant(&self, module: &Module, path: &[String]) -> Option<Key> {
        let imports = &self.imports[module];
        if let [name] = path
            && self.items.contains_key(&(module.clone(), name.clone()))
        {
            return Some((module.clone(), name.clone()));
        }
        let mut target = match imports.get(&path[0]) {
            Some(base) => base.iter().chain(&path[1..]).cloned().collect(),
            None if path.len() == 1 => return None,
            None => self.absolute(module, path)?,
        };
        // Items that are handed on by the module that an import names.
        for _ in 0..5 {
            let (name, home) = target.split_last()?;
            let key = (home.to_vec(), name.clone());
            if self.items.contains_key(&key) {
                return Some(key);
            }
            if let Some((type_name, home)) = home.split_last()
                && self.items.contains_key(&(home.to_vec(), type_name.clone()))
            {
                return Some((home.to_vec(), type_name.clone()));
            }
            target = self.imports.get(home)?.get(name)?.clone();
        }
        None
    }

    /// What can be reached from the call of this name, whose tool is listed in a file.
    pub(super) fn reached(&self, listed: &str, call: &str) -> Reached {
        let names = format!("const NAME: &'static str = {call:?};");
        let home = module(Path::new(listed));
        let tool = self.items.iter().find(|((module, _), blocks)| {
            module.starts_with(&home) && blocks.iter().any(|block| block.text.contains(&names))
        });
        let (start, _) = tool.unwrap_or_else(|| panic!("no struct of {call} at {listed}"));
        let (mut reached, mut seen, mut next) = (Reached::default(), HashSet::new(), vec![start.clone()]);
        while let Some(key) = next.pop() {
            if !seen.insert(key.clone()) {
                continue;
            }
            reached.operations.extend(self.operations.get(&key).cloned());
            for block in &self.items[&key] {
                reached.literals.push(block.literals.clone());
                next.extend(
                    block.paths.iter().filter_map(|path| {
                        (1..=path.len()).rev().find_map(|length| self.meant(&key.0, &path[..length]))
                    }),
                );
            }
        }
        reached
    }
}

fn module(file: &Path) -> Module {
    let path = file.with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// Items of a file, each from where the one before it ends.
fn blocks(code: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in code.lines() {
        let block = found.last_mut().unwrap();
        block.push_str(line);
        block.push('\n');
        let closes = ["}", "];", ")];", "});", ")", ")?;"].contains(&line);
        let whole = line.starts_with(|first: char| first.is_ascii_alphabetic()) && line.ends_with([';', '}']);
        if closes || whole {
            found.push(String::new());
        }
    }
    found
}

/// Name of the item that begins with this line.
fn named(head: &str) -> Option<String> {
    let head = PUBLIC.replace(head, "");
    if let Some(found) = ITEM.captures(&head) {
        return Some(found[1].to_owned());
    }
    SUBJECT.captures(&head).map(|found| found[1].to_owned())
}

/// The leaves of a `use` tree: the name that each goes by, and its path.
fn branches(tree: &str, before: &[String]) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (at, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let words = |text: &str| -> Vec<String> {
            let own = text.trim().split("::").filter(|word| !word.is_empty()).map(str::to_owned);
            before.iter().cloned().chain(own).collect()
        };
        if let Some((stem, inner)) = part.split_once('{') {
            found.extend(branches(inner.trim_end().strip_suffix('}').unwrap_or(inner), &words(stem)));
            continue;
        }
        let (path, alias) = part.split_once(" as ").unwrap_or((part, ""));
        let mut path = words(path);
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = if alias.is_empty() { path.last().unwrap().clone() } else { alias.trim().to_owned() };
        found.push((name, path));
    }
    found
}

/// Code without comments and texts, and the texts.
fn without_texts(block: &str) -> (String, Vec<String>) {
    let code: String = block.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let literals = TEXT.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    // An associated type is named by the trait, and means nothing here.
    let code = TEXT.replace_all(&code, "\"\"");
    (ASSOCIATED.replace_all(&code, "").into_owned(), literals)
}

/// Every path in a piece of code, methods apart.
fn paths(code: &str) -> Vec<Vec<String>> {
    let found = PATH
        .find_iter(code)
        .filter(|found| !code[..found.start()].ends_with('.') || code[..found.start()].ends_with(".."));
    found.map(|found| found.as_str().split("::").map(str::to_owned).collect()).collect()
}
