//! Launch templates and their versions, and what one adds to a launch.

use serde_json::{Value, json};

use super::{filters::filtered, nouns::shown, refused, tags, types};
use crate::aws::{account::Cx, services::Operations, table::Table, wire::Refusal};

pub(in crate::aws::services) const OPERATIONS: Operations = &[
    ("ec2", "CreateLaunchTemplate", create),
    ("ec2", "CreateLaunchTemplateVersion", create_version),
    ("ec2", "DeleteLaunchTemplate", delete),
    ("ec2", "DescribeLaunchTemplateVersions", versions),
    ("ec2", "ModifyLaunchTemplate", modify),
];

/// The template that is named, by id or by name.
fn template(cx: &Cx<'_>, named: &Value) -> Result<Value, Refusal> {
    let (id, name) = (&named["LaunchTemplateId"], &named["LaunchTemplateName"]);
    match (id.as_str(), name.as_str()) {
        (Some(id), None) => {
            let message = format!("The specified launch template, with template ID {id}, does not exist.");
            cx.row(Table::LaunchTemplates, id, || refused("InvalidLaunchTemplateId.NotFound", message)).cloned()
        }
        (None, Some(name)) => {
            let message = format!("The specified launch template, with template name {name}, does not exist.");
            let row = cx.rows(Table::LaunchTemplates).find(|row| row["LaunchTemplateName"] == name).cloned();
            row.ok_or_else(|| refused("InvalidLaunchTemplateName.NotFoundException", message))
        }
        _ => Err(refused(
            "MissingParameter",
            "The request must contain exactly one of launchTemplateId and launchTemplateName",
        )),
    }
}

fn id_of(template: &Value) -> String {
    template["LaunchTemplateId"].as_str().unwrap_or_default().to_owned()
}

/// A version of a template: a number, `$Latest`, or `$Default`.
fn version(cx: &Cx<'_>, template: &Value, wanted: &str) -> Result<Value, Refusal> {
    let number = match wanted {
        "$Latest" => template["LatestVersionNumber"].to_string(),
        "" | "$Default" => template["DefaultVersionNumber"].to_string(),
        number => number.to_owned(),
    };
    let absent = || {
        let message = format!(
            "Could not find the specified version {wanted} for the launch template with ID {}.",
            id_of(template)
        );
        refused("InvalidLaunchTemplateId.VersionNotFound", message)
    };
    let row = cx.row(Table::LaunchTemplateVersions, &format!("{}/{number}", id_of(template)), absent)?;
    let mut row = row.clone();
    row["DefaultVersion"] = json!(row["VersionNumber"] == template["DefaultVersionNumber"]);
    Ok(row)
}

/// The input of a launch over what its template says.
pub(super) fn with_template(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let mut whole = cx.input.clone();
    let named = &cx.input["LaunchTemplate"];
    if named.is_null() {
        return Ok(whole);
    }
    let template = template(cx, named)?;
    let version = version(cx, &template, named["Version"].as_str().unwrap_or_default())?;
    for (member, value) in version["LaunchTemplateData"].as_object().into_iter().flatten() {
        let empty = whole[member.as_str()].as_array().is_some_and(Vec::is_empty);
        if whole[member.as_str()].is_null() || empty {
            whole[member.as_str()] = value.clone();
        }
    }
    Ok(whole)
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("LaunchTemplateName");
    if cx.rows(Table::LaunchTemplates).any(|row| row["LaunchTemplateName"] == name) {
        let message = "Launch template name already in use.";
        return Err(refused("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    sound(&cx.input["LaunchTemplateData"])?;
    let id = cx.account.new_id("lt");
    let row = json!({
        "LaunchTemplateId": id, "LaunchTemplateName": name, "CreateTime": cx.account.stamp(), "CreatedBy": user(cx),
        "DefaultVersionNumber": 1, "LatestVersionNumber": 0, "Tags": tags::given(cx, "launch-template"),
    });
    cx.insert(Table::LaunchTemplates, &id, row);
    keep(cx, &id, &name, cx.input["LaunchTemplateData"].clone());
    Ok(json!({ "LaunchTemplate": cx.get(Table::LaunchTemplates, &id) }))
}

fn user(cx: &Cx<'_>) -> String {
    format!("arn:aws:iam::{}:user/sandbox", cx.account.id)
}

fn sound(data: &Value) -> Result<(), Refusal> {
    match data["InstanceType"].as_str() {
        Some(name) => types::find(name).map(drop),
        None => Ok(()),
    }
}

/// Keeps the next version.
fn keep(cx: &mut Cx<'_>, id: &str, name: &str, mut data: Value) -> Value {
    let latest = cx.get(Table::LaunchTemplates, id).and_then(|row| row["LatestVersionNumber"].as_u64()).unwrap_or(0);
    let number = latest + 1;
    // What is tagged at a launch is called otherwise in a template's description.
    if let Some(members) = data.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    let mut row = json!({
        "LaunchTemplateId": id, "LaunchTemplateName": name, "VersionNumber": number, "CreateTime": cx.account.stamp(),
        "CreatedBy": user(cx), "DefaultVersion": number == 1, "LaunchTemplateData": data,
    });
    if let Some(text) = cx.text("VersionDescription") {
        row["VersionDescription"] = json!(text);
    }
    cx.insert(Table::LaunchTemplateVersions, &format!("{id}/{number}"), row.clone());
    cx.put(Table::LaunchTemplates, id, "/LatestVersionNumber", number.into());
    row
}

fn create_version(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let template = template(cx, cx.input)?;
    let mut data = match cx.text("SourceVersion") {
        Some(number) => version(cx, &template, number)?["LaunchTemplateData"].clone(),
        None => json!({}),
    };
    for (member, value) in cx.input["LaunchTemplateData"].as_object().into_iter().flatten() {
        data[member.as_str()] = value.clone();
    }
    sound(&data)?;
    let name = template["LaunchTemplateName"].as_str().unwrap_or_default().to_owned();
    Ok(json!({ "LaunchTemplateVersion": keep(cx, &id_of(&template), &name, data) }))
}

fn modify(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let template = template(cx, cx.input)?;
    let wanted = cx.name("DefaultVersion");
    let number = version(cx, &template, &wanted)?["VersionNumber"].clone();
    let id = id_of(&template);
    cx.put(Table::LaunchTemplates, &id, "/DefaultVersionNumber", number);
    Ok(json!({ "LaunchTemplate": cx.get(Table::LaunchTemplates, &id).map(shown) }))
}

fn delete(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let template = template(cx, cx.input)?;
    let id = id_of(&template);
    for number in 1..=template["LatestVersionNumber"].as_u64().unwrap_or(0) {
        cx.remove(Table::LaunchTemplateVersions, &format!("{id}/{number}"));
    }
    cx.remove(Table::LaunchTemplates, &id);
    Ok(json!({ "LaunchTemplate": template }))
}

fn versions(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let one = cx.input["LaunchTemplateId"].is_string() || cx.input["LaunchTemplateName"].is_string();
    let templates: Vec<Value> =
        if one { vec![template(cx, cx.input)?] } else { cx.rows(Table::LaunchTemplates).cloned().collect() };
    let wanted = cx.texts("Versions");
    let mut rows = Vec::new();
    for template in &templates {
        if wanted.is_empty() {
            let latest = template["LatestVersionNumber"].as_u64().unwrap_or(0);
            let all = (1..=latest).rev().filter_map(|number| version(cx, template, &number.to_string()).ok());
            rows.extend(all);
        } else {
            for wanted in &wanted {
                rows.push(version(cx, template, wanted)?);
            }
        }
    }
    let within = |member: &str| cx.text(member).and_then(|text| text.parse::<u64>().ok());
    let (least, most) = (within("MinVersion").unwrap_or(0), within("MaxVersion").unwrap_or(u64::MAX));
    rows.retain(|row| row["VersionNumber"].as_u64().is_some_and(|number| (least..=most).contains(&number)));
    let names = &[
        ("create-time", "CreateTime"),
        ("image-id", "LaunchTemplateData.ImageId"),
        ("instance-type", "LaunchTemplateData.InstanceType"),
        ("is-default-version", "DefaultVersion"),
    ];
    let rows = filtered(&rows, cx.input, names)?;
    let window = cx.window(rows.len());
    Ok(json!({ "LaunchTemplateVersions": &rows[window] }))
}
