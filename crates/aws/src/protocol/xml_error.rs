//! Code and message out of an XML error, in any of the envelopes that AWS uses:
//! `<Error>`, `<ErrorResponse><Error>` and `<Response><Errors><Error>`.

use aws_smithy_types::error::{ErrorMetadata, metadata::Builder};
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

/// How deep `Error` may stand.
const ENVELOPES: usize = 2;

/// What the body says, if it is such an error.
pub(super) fn parse(body: &[u8]) -> Option<Builder> {
    let mut document = Document::try_from(body).ok()?;
    let mut root = document.root_element().ok()?;
    let found = Found::default().element(&mut root, ENVELOPES);
    found.code.is_some().then(|| found.into_metadata())
}

#[derive(Default)]
struct Found {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
}

impl Found {
    fn element(mut self, element: &mut ScopedDecoder<'_, '_>, envelopes: usize) -> Self {
        let is_error = element.start_el().local() == "Error";
        while let Some(mut child) = element.next_tag() {
            match child.start_el().local() {
                "Code" if is_error => self.code = text(&mut child),
                "Message" | "message" if is_error => self.message = text(&mut child),
                "RequestId" | "RequestID" | "requestId" => self.request_id = text(&mut child),
                "Error" | "Errors" if envelopes > 0 => self = self.element(&mut child, envelopes - 1),
                _ => {}
            }
        }
        self
    }

    fn into_metadata(self) -> Builder {
        let mut builder = ErrorMetadata::builder();
        if let Some(code) = self.code {
            builder = builder.code(code);
        }
        if let Some(message) = self.message {
            builder = builder.message(message);
        }
        if let Some(id) = self.request_id {
            builder = builder.custom("request_id", id);
        }
        builder
    }
}

fn text(element: &mut ScopedDecoder<'_, '_>) -> Option<String> {
    try_data(element).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> (String, String, String) {
        let metadata = parse(body.as_bytes()).expect("an error").build();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        (text(metadata.code()), text(metadata.message()), text(metadata.extra("request_id")))
    }

    #[test]
    fn every_envelope_is_opened() {
        let wanted = ("Code".to_owned(), "text & more".to_owned(), "id-1".to_owned());
        let inner = "<Code>Code</Code><Message>text &amp; more</Message>";
        for body in [
            format!("<Error>{inner}<Resource>/x</Resource><RequestId>id-1</RequestId></Error>"),
            format!(
                "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type>{inner}</Error><RequestId>id-1</RequestId></ErrorResponse>"
            ),
            format!(
                "<?xml version=\"1.0\"?><Response><Errors><Error>{inner}</Error></Errors><RequestID>id-1</RequestID></Response>"
            ),
        ] {
            assert_eq!(parsed(&body), wanted, "{body}");
        }
    }

    #[test]
    fn what_is_no_error_is_none() {
        for body in ["", "<html><title>500</title></html>", "{}", "<Error/>", "<Error><Code>"] {
            assert!(parse(body.as_bytes()).is_none(), "{body}");
        }
    }
}
