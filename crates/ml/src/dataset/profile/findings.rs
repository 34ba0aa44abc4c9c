//! What somebody who is about to train on a dataset should know of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ColumnSketch, Table,
    view::{ColumnProfile, Top},
};
use crate::dataset::{
    rows::{Column, Irregular},
    value::Kind,
};

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is: `constant`, `leakage`, …
    pub code: String,
    /// The column that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What was seen, and what to do about it.
    pub message: String,
}

/// Data about people, by the name of a column or by what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Personal {
    /// Addresses of e-mail.
    Email,
    /// Telephone numbers.
    Phone,
    /// Names of people.
    Name,
    /// Postal addresses.
    Address,
    /// Dates of birth.
    BirthDate,
    /// Numbers that a state gave.
    NationalId,
    /// Numbers of cards and accounts.
    Payment,
    /// Addresses of machines.
    IpAddress,
}

impl Personal {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "telephone number",
            Self::Name => "name of a person",
            Self::Address => "postal address",
            Self::BirthDate => "date of birth",
            Self::NationalId => "national identifier",
            Self::Payment => "card or account number",
            Self::IpAddress => "IP address",
        }
    }
}

/// What a column of this name would hold of people.
pub(crate) fn personal(name: &str) -> Option<Personal> {
    let words = words(name);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let both = |one: &[&str], other: &[&str]| has(one) && has(other);
    let whose =
        ["first", "last", "full", "given", "family", "middle", "maiden", "patient", "customer", "contact", "person"];
    Some(if has(&["email", "mail", "emails"]) {
        Personal::Email
    } else if has(&["ip", "ipaddress", "ipv4", "ipv6"]) {
        Personal::IpAddress
    } else if has(&["phone", "telephone", "tel", "mobile", "cellphone", "fax", "msisdn"]) {
        Personal::Phone
    } else if has(&["dob", "birthday", "birthdate", "birth", "dateofbirth"]) {
        Personal::BirthDate
    } else if has(&["ssn", "passport", "nin", "socialsecurity"])
        || both(
            &["national", "tax", "social", "driver", "drivers"],
            &["id", "number", "security", "license", "licence"],
        )
    {
        Personal::NationalId
    } else if has(&["iban", "cvv", "cvc", "creditcard", "pan"])
        || both(&["card", "account"], &["number", "no", "credit"])
    {
        Personal::Payment
    } else if has(&["firstname", "lastname", "surname", "fullname", "forename"]) || both(&["name", "names"], &whose) {
        Personal::Name
    } else if has(&["street", "postcode", "zipcode", "zip", "postal"])
        || (has(&["address", "addr"]) && !has(&["mac", "memory", "web", "url"]))
    {
        Personal::Address
    } else {
        return None;
    })
}

/// The words of a name, however it joins them.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        lower_before = letter.is_lowercase();
    }
    // "e-mail" is one word.
    if let Some(at) =
        words.iter().position(|word| word == "e").filter(|at| words.get(at + 1).is_some_and(|w| w == "mail"))
    {
        "email".clone_into(&mut words[at]);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// From here on a column gives the target away.
const LEAKS: f64 = 0.98;

/// What a profile warns of.
pub(super) fn findings(
    table: &Table,
    columns: &[Column],
    profiles: &[ColumnProfile],
    irregular: Irregular,
    duplicates: (u64, bool),
) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    found.of_file(table, columns, irregular, duplicates);
    if let Some(target) = table.target {
        found.of_target(&profiles[target], table.rows);
    }
    for (column, (sketch, profile)) in table.sketches.iter().zip(profiles).enumerate() {
        found.of_column(sketch, profile, table.rows);
        if let Some(target) = table.target.filter(|target| *target != column) {
            found.of_leakage(sketch, profile, &table.sketches[target], &profiles[target]);
        }
    }
    found.0
}

/// At most so many of one kind: 10,000 columns would say the same thing 10,000 times.
const MOST_OF_A_KIND: usize = 20;

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, code: &str, column: Option<&str>, message: String) {
        let alike = self.0.iter().filter(|finding| finding.code == code).count();
        if alike < MOST_OF_A_KIND {
            self.0.push(Finding { code: code.to_owned(), column: column.map(str::to_owned), message });
        } else if alike == MOST_OF_A_KIND {
            let message = "more columns are like these; `columns` says which".to_owned();
            self.0.push(Finding { code: code.to_owned(), column: None, message });
        }
    }

    fn of_file(&mut self, table: &Table, columns: &[Column], irregular: Irregular, duplicates: (u64, bool)) {
        if table.rows == 0 {
            self.add("no_rows", None, "the file has no rows".to_owned());
        }
        if let Some(first) = irregular.first {
            let Irregular { short, long, misencoded: _, first: _ } = irregular;
            let message = format!(
                "{short} rows have fewer cells than there are columns (the rest counts as missing), {long} have more \
                 (what is too much is left out); the first of them is row {first}"
            );
            self.add("ragged_rows", None, message);
        }
        if irregular.misencoded > 0 {
            let message = format!("{} cells are not UTF-8 and were read as Windows-1252", irregular.misencoded);
            self.add("encoding", None, message);
        }
        for column in columns {
            if let Some(given) = &column.renamed {
                let message = match given.trim() {
                    "" => "the column has no name in the file".to_owned(),
                    trimmed if trimmed == column.name => format!("the file calls it {given:?}"),
                    _ => format!("another column is called {given:?}, too"),
                };
                self.add("renamed", Some(&column.name), message);
            }
        }
        let (count, exact) = duplicates;
        if count > 0 {
            let about = if exact { "" } else { "about " };
            let message = format!(
                "{about}{count} rows are the same as an earlier one; in training and test data alike they flatter a model"
            );
            self.add("duplicate_rows", None, message);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "shares")]
    fn of_target(&mut self, target: &ColumnProfile, rows: u64) {
        let name = Some(target.name.as_str());
        if target.missing > 0 {
            let message =
                format!("the target is missing in {} of {rows} rows, which cannot be learned from", target.missing);
            self.add("target_missing", name, message);
        }
        if target.distinct == 1 {
            self.add("target_constant", name, "the target has one value only: there is nothing to learn".to_owned());
        }
        let classes = (2..=20).contains(&target.distinct) && target.kind != Kind::Number;
        if classes
            && let (Some(most), Some(least)) = (target.top.first(), target.top.last())
            && most.count as f64 > 0.9 * (rows - target.missing) as f64
        {
            let Top { value, count } = most;
            let share = 100.0 * *count as f64 / (rows - target.missing) as f64;
            let message = format!(
                "{share:.1} % of the rows are {value:?} and {} are {:?}: accuracy says little, see F1 and AUC",
                least.count, least.value
            );
            self.add("imbalance", name, message);
        }
    }

    fn of_column(&mut self, sketch: &ColumnSketch, profile: &ColumnProfile, rows: u64) {
        let name = Some(profile.name.as_str());
        let counts = &sketch.counts;
        match profile.kind {
            Kind::Empty if rows > 0 => self.add("empty", name, "nothing is in this column".to_owned()),
            _ if profile.constant => self.add("constant", name, "one value only: it says nothing".to_owned()),
            _ if profile.missing * 2 > rows => {
                self.add("mostly_missing", name, format!("missing in {} of {rows} rows", profile.missing));
            }
            _ => {}
        }
        if profile.id_like {
            let message = "nearly every row has a value of its own, as an identifier has: leave it out of training";
            self.add("id_like", name, message.to_owned());
        }
        if let Some(failures) = &profile.parse_failures {
            let message = format!(
                "{} cells are no {}, such as {}; they count as missing in training",
                failures.count,
                profile.kind.as_str(),
                failures.examples.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
            );
            self.add("parse_failures", name, message);
        }
        if counts.huge > 0 && profile.kind.is_numeric() {
            let message = format!(
                "{} whole numbers do not fit 64 bits and lose digits: text, if they are identifiers",
                counts.huge
            );
            self.add("huge_integers", name, message);
        }
        if counts.padded > 0 && profile.kind.is_numeric() {
            let message = format!("{} numbers begin with a zero, as codes do: they lose it as numbers", counts.padded);
            self.add("leading_zeros", name, message);
        }
        if counts.infinite > 0 {
            self.add("infinite", name, format!("{} cells are infinite; statistics leave them out", counts.infinite));
        }
        if let Some(personal) = profile.personal {
            self.add("personal_data", name, format!("may hold data about people: {}", personal.as_str()));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts as shares")]
    fn of_leakage(
        &mut self,
        sketch: &ColumnSketch,
        profile: &ColumnProfile,
        target_sketch: &ColumnSketch,
        target: &ColumnProfile,
    ) {
        let Some(together) = &sketch.with_target else { return };
        let name = Some(profile.name.as_str());
        // A number stands for a class only where there are two of them.
        let comparable = target.kind.is_numeric() || target.distinct == 2;
        if let Some(correlation) = together.correlation().filter(|found| comparable && found.abs() >= LEAKS) {
            let message =
                format!("its correlation with {} is {correlation:.3}: it may be known only afterwards", target.name);
            self.add("leakage", name, message);
            return;
        }
        let (values, _) = sketch.values.count();
        let (pairs, exact) = together.pairs.count();
        let (classes, _) = target_sketch.values.count();
        let there = (sketch.cells - sketch.counts.missing) as f64;
        let slack = if exact { 1.0 } else { 1.02 };
        // Few values, each in many rows, and each of them with one value of the target.
        let determines = pairs as f64 <= values as f64 * slack;
        if determines && values >= 2 && classes >= 2 && (values as f64) * 5.0 <= there {
            let message = format!(
                "each of its {values} values goes with one value of {}: it may be known only afterwards",
                target.name
            );
            self.add("leakage", name, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_about_people_is_known_by_its_name() {
        for (name, kind) in [
            ("E-Mail", Personal::Email),
            ("customerEmail", Personal::Email),
            ("phone_number", Personal::Phone),
            ("firstName", Personal::Name),
            ("LAST NAME", Personal::Name),
            ("date_of_birth", Personal::BirthDate),
            ("SSN", Personal::NationalId),
            ("credit card number", Personal::Payment),
            ("ip_address", Personal::IpAddress),
            ("Street", Personal::Address),
        ] {
            assert_eq!(personal(name), Some(kind), "{name}");
        }
        for name in
            ["feature_name", "latitude", "mac_address", "sepal length (cm)", "target", "zipped", "filename", "mobility"]
        {
            assert_eq!(personal(name), None, "{name}");
        }
    }
}
