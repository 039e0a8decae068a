//! Where traces are sent.

use std::str::FromStr;

use http::Uri;

/// The path of traces below an endpoint of OTLP over HTTP
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>).
const TRACES: &str = "v1/traces";

/// A collector that speaks OTLP over HTTP; none when the text is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint(Option<Uri>);

impl Endpoint {
    /// The URL that traces are sent to.
    pub(super) fn traces(&self) -> Option<&Uri> {
        self.0.as_ref()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let expected = || {
            "expected the collector's URL without /v1/traces, such as http://collector.monitoring:4318 or https://..."
                .to_owned()
        };
        let base: Uri = text.parse().map_err(|_| expected())?;
        let is_http = matches!(base.scheme_str(), Some("http" | "https"));
        let host = base.authority().map(http::uri::Authority::as_str);
        if !is_http || base.query().is_some() || host.is_none_or(|host| host.contains('@')) {
            return Err(expected());
        }
        format!("{}/{TRACES}", text.trim_end_matches('/')).parse().map(|url| Self(Some(url))).map_err(|_| expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_appended() {
        let url = |text: &str| text.parse::<Endpoint>().unwrap().0.map(|url| url.to_string());
        assert_eq!(url(""), None);
        assert_eq!(url("http://collector:4318").as_deref(), Some("http://collector:4318/v1/traces"));
        assert_eq!(url("https://collector/").as_deref(), Some("https://collector/v1/traces"));
        assert_eq!(url("http://[::1]:4318/otlp/").as_deref(), Some("http://[::1]:4318/otlp/v1/traces"));
    }

    #[test]
    fn what_is_no_url_of_a_collector_is_refused() {
        for text in
            ["collector:4318", "grpc://collector:4317", "http://", "http://c?token=x", "http://u:p@c", "/v1/traces"]
        {
            assert!(text.parse::<Endpoint>().unwrap_err().starts_with("expected"), "{text}");
        }
    }
}
