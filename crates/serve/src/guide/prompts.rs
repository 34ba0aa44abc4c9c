//! Prompts: common jobs, for a person to pick from a menu.

use rmcp::{
    ErrorData,
    model::{
        CacheScope, GetPromptRequestParams, GetPromptResult, ListPromptsResult, PaginatedRequestParams,
        Prompt as Listed, PromptArgument, PromptMessage, Role,
    },
};
use trainyard_contract::{Context, Prompt, nearest};

use super::pages::page;
use crate::mcp::{LIST_TTL_MS, Server};

/// Longest value of an argument.
const LONGEST: usize = 1_000;

impl<C: Context> Server<C> {
    /// Prompts whose tools are offered here.
    fn prompts(&self) -> impl Iterator<Item = &'static Prompt> {
        let registry = self.dispatch.registry();
        let prompts = self.about.guide.prompts.iter();
        prompts.filter(move |prompt| prompt.needs.iter().all(|tool| registry.knows(tool)))
    }

    pub(crate) fn prompt_list(&self, request: Option<&PaginatedRequestParams>) -> Result<ListPromptsResult, ErrorData> {
        let (items, next) = page(self.prompts().map(listed).collect(), request)?;
        let mut list =
            ListPromptsResult::with_all_items(items).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Public);
        list.next_cursor = next;
        list.meta = self.meta();
        Ok(list)
    }

    pub(crate) fn prompt(&self, params: &GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
        let Some(prompt) = self.prompts().find(|prompt| prompt.name == params.name) else {
            let near = nearest(&params.name, self.prompts().map(|prompt| prompt.name));
            let hint = near.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
            return Err(ErrorData::invalid_params(format!("no prompt {:?}{hint}", params.name), None));
        };
        let mut given = Vec::new();
        for (name, value) in params.arguments.iter().flatten() {
            let known = prompt.arguments.iter().find(|argument| argument.name == name);
            let Some(known) = known else { return Err(wrong(prompt, &format!("takes no {name:?}"))) };
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if value.chars().count() > LONGEST || value.chars().any(char::is_control) {
                return Err(wrong(prompt, &format!("takes {name} on one line, of at most {LONGEST} characters")));
            }
            given.push((known.name, value));
        }
        let lacks = |name: &str| !given.iter().any(|(given, value)| *given == name && !value.trim().is_empty());
        if let Some(missing) = prompt.arguments.iter().find(|argument| argument.required && lacks(argument.name)) {
            return Err(wrong(prompt, &format!("needs {}: {}", missing.name, missing.about)));
        }
        given.retain(|(_, value)| !value.trim().is_empty());
        let mut result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, filled(prompt, &given))]);
        result.description = Some(prompt.about.to_owned());
        result.meta = self.meta();
        Ok(result)
    }
}

fn wrong(prompt: &Prompt, why: &str) -> ErrorData {
    ErrorData::invalid_params(format!("the prompt {} {why}", prompt.name), None)
}

fn listed(prompt: &'static Prompt) -> Listed {
    let argument = |argument: &trainyard_contract::PromptArgument| {
        PromptArgument::new(argument.name).with_description(argument.about).with_required(argument.required)
    };
    let arguments = prompt.arguments.iter().map(argument).collect();
    Listed::new(prompt.name, Some(prompt.about), Some(arguments)).with_title(prompt.title)
}

/// The text with what was given in its place. A line that needs something which was not given is left out.
fn filled(prompt: &Prompt, given: &[(&str, String)]) -> String {
    let missing = |line: &str| {
        let mut names = prompt.arguments.iter().map(|argument| argument.name);
        names.any(|name| line.contains(&format!("{{{name}}}")) && !given.iter().any(|(given, _)| *given == name))
    };
    let lines: Vec<&str> = prompt.text.lines().filter(|line| !missing(line)).collect();
    // One pass over the text, so that a value with braces in it stays what it is.
    let text = lines.join("\n");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let (before, tail) = rest.split_at(open);
        out.push_str(before);
        let value = given
            .iter()
            .find_map(|(name, value)| Some((value, tail.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?)));
        if let Some((value, after)) = value {
            out.push_str(value);
            rest = after;
        } else {
            out.push('{');
            rest = &tail[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use trainyard_contract::PromptArgument;

    use super::*;

    const PROMPT: Prompt = Prompt {
        name: "p",
        title: "P",
        about: "A prompt",
        arguments: &[
            PromptArgument { name: "a", about: "one", required: true },
            PromptArgument { name: "b", about: "two", required: false },
        ],
        needs: &[],
        text: "Do {a}.\nIn {b}.\nThen {a} again, with {c}.",
    };

    #[test]
    fn values_stand_in_their_places_and_lines_without_one_are_left_out() {
        assert_eq!(filled(&PROMPT, &[("a", "x".into())]), "Do x.\nThen x again, with {c}.");
        let both = [("a", "{b}".to_owned()), ("b", "y".to_owned())];
        assert_eq!(
            filled(&PROMPT, &both),
            "Do {b}.\nIn y.\nThen {b} again, with {c}.",
            "a value is not filled in again"
        );
    }
}
