//! The form that a client asks for.

use super::super::refusal::{Refusal, Result};

/// How objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Whole,
    /// Rows for people.
    Table,
    /// Metadata alone.
    Metadata,
}

/// The first acceptable form, as clients list them by preference.
pub(crate) fn form(accept: Option<&str>) -> Result<Form> {
    let accept = accept.unwrap_or("*/*");
    for part in accept.split(',') {
        let mut parameters = part.split(';').map(str::trim);
        let media = parameters.next().unwrap_or_default();
        let mut shown = None;
        let mut old = false;
        for parameter in parameters {
            match parameter.split_once('=') {
                Some(("as", name)) => shown = Some(name),
                Some(("v", "v1beta1")) => old = true,
                _ => {}
            }
        }
        let json = matches!(media, "application/json" | "*/*" | "application/*" | "application/yaml" | "");
        match (json, shown) {
            (true, None) => return Ok(Form::Whole),
            (true, Some("Table")) if !old => return Ok(Form::Table),
            (true, Some("PartialObjectMetadata" | "PartialObjectMetadataList")) if !old => return Ok(Form::Metadata),
            _ => {}
        }
    }
    Err(Refusal::not_acceptable("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_first_form_that_is_known() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(form(Some(kubectl)).unwrap(), Form::Table);
        assert_eq!(form(Some("application/vnd.kubernetes.protobuf, application/json")).unwrap(), Form::Whole);
        assert_eq!(
            form(Some("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")).unwrap(),
            Form::Metadata
        );
        assert_eq!(form(None).unwrap(), Form::Whole);
        assert!(form(Some("text/html")).is_err());
    }
}
