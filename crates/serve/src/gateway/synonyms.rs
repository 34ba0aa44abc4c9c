//! Words that people use for what the tools call otherwise. Each line is one meaning; the words of a line stand for each
//! other. About things and deeds of the field, never about one tool.

pub(super) const SAME: &[&[&str]] = &[
    &["instance", "machine", "vm", "server", "box", "host", "virtual", "computer"],
    &["volume", "disk", "storage", "drive"],
    &["snapshot", "backup", "back"],
    &["security", "group", "firewall", "port"],
    &["rule", "ingress", "port", "firewall"],
    &["vpc", "network"],
    &["authorize", "allow", "open", "permit"],
    &["revoke", "close", "forbid", "remove"],
    &["delete", "remove", "destroy", "drop", "throw", "rid", "erase"],
    &["terminate", "destroy", "kill", "rid", "delete"],
    &["create", "make", "new", "launch", "deploy", "provision", "take"],
    &["start", "boot", "on"],
    &["stop", "shut", "off", "halt", "down"],
    &["reboot", "restart", "reset"],
    &["attach", "plug", "mount", "connect"],
    &["detach", "unplug", "unmount", "disconnect"],
    &["modify", "change", "grow", "enlarge", "resize", "larger", "extend", "edit"],
    &["update", "upgrade", "change", "patch"],
    &["add", "scale", "more", "grow"],
    &["list", "show", "find", "which", "all", "get", "see"],
    &["describe", "detail", "one", "how", "what"],
    &["report", "state", "status", "overview", "health", "summary"],
    &["event", "happen", "history", "log", "why", "reason"],
    &["unhealthy", "broken", "bad", "fail", "hung", "faulty", "sick"],
    &["replace", "swap", "exchange"],
    &["identity", "who", "account", "credential", "caller", "am"],
    &["parameter", "argument", "field", "take", "input"],
    &["operation", "api", "action", "call"],
    &["gpu", "accelerator", "p5", "p4", "cuda"],
    &["cluster", "hyperpod"],
    &["stack", "cloudformation", "template"],
    &["tag", "label"],
    &["pod", "container"],
    &["job", "run", "training"],
    &["permission", "right", "access", "reach"],
    &["address", "ip", "cidr"],
    &["big", "size", "capacity"],
];

/// Words that say nothing about what is wanted.
pub(super) const EMPTY: &[&str] = &[
    "a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "has", "have", "i",
    "in", "into", "is", "it", "me", "my", "of", "or", "our", "please", "put", "that", "the", "their", "these", "this",
    "those", "to", "up", "was", "we", "were", "with", "would", "you", "your", "again", "good",
];
