//! Pages: following links, and only those that lead back to where the question was asked.

use std::collections::HashSet;

use futures::Stream;
use url::Url;

use crate::client::Client;
use crate::cloud::is_loopback;
use crate::error::Error;

/// A page's content and its link to the next one, from the page's body and its number.
/// A problem says what is wrong and where.
pub(crate) type ReadPage<P> = fn(&[u8], usize) -> Result<(P, Option<String>), String>;

/// All pages of an operation. A stream that ends without an error was read to its end.
pub(crate) fn pages<P: Send + 'static>(
    client: Client,
    operation: String,
    first: Url,
    read: ReadPage<P>,
) -> impl Stream<Item = Result<P, Error>> + Send + 'static {
    async_stream::try_stream! {
        let mut url = first;
        let mut seen = HashSet::from([url.as_str().to_owned()]);
        for page in 1.. {
            let unexpected = |problem| Error::unexpected(&operation, problem);
            let Some(body) = client.get(&operation, &url).await? else {
                if page > 1 {
                    // A link promised more: what came before is a part and not the whole.
                    Err(unexpected(format!("page {page} has no content")))?;
                }
                break;
            };
            let (content, link) = read(&body, page).map_err(unexpected)?;
            drop(body);
            yield content;
            let Some(link) = link.filter(|link| !link.trim().is_empty()) else {
                break;
            };
            url = follow(&url, &link).map_err(unexpected)?;
            if !seen.insert(url.as_str().to_owned()) {
                // Stopping quietly would pass off a part as the whole.
                Err(unexpected(format!("page {page} links back to an earlier page")))?;
            }
            if page >= client.limits.pages {
                Err(unexpected(format!("there are more than {page} pages")))?;
            }
        }
    }
}

/// The URL of a link, if it may be asked with the token that `asked` was asked with.
///
/// Links are followed as they are, whatever API version or encoding they carry; but http becomes
/// https, because some of Azure's links say http, and another host is refused.
fn follow(asked: &Url, link: &str) -> Result<Url, String> {
    let no_link = |_| "its link to the next page is not a URL".to_owned();
    let mut url = asked.join(link.trim()).map_err(no_link)?;
    if url.scheme() == "http" && !is_loopback(&url) {
        let changed = url.set_scheme("https");
        changed.map_err(|()| "its link to the next page is not a URL".to_owned())?;
    }
    if url.origin() != asked.origin() || !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or("nowhere");
        return Err(format!(
            "its link to the next page leads elsewhere, to {host}"
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, link: &str, expected: Option<&str>) {
        let found = follow(&Url::parse(asked).unwrap(), link).ok();
        assert_eq!(found.as_ref().map(Url::as_str), expected, "{link}");
    }

    #[test]
    fn links_stay_with_the_host_that_was_asked() {
        let asked = "https://management.azure.com/a?api-version=2024-08-01";
        let same = "https://management.azure.com/b?$skiptoken=AQAAAA%3D%3D";
        check(asked, same, Some(same));
        check(asked, &same.replace("https:", "http:"), Some(same));
        check(asked, &same.replace(".com/", ".com:443/"), Some(same));
        check(
            asked,
            &same.replace("management.azure", "Management.AZURE"),
            Some(same),
        );
        check(asked, "/b?$skiptoken=AQAAAA%3D%3D", Some(same));
        check(
            asked,
            "https://management.azure.com/b?$filter=a ge '1'&",
            Some("https://management.azure.com/b?$filter=a%20ge%20%271%27&"),
        );
        for elsewhere in [
            "https://example.com/b",
            "https://management.azure.com.example.com/b",
            "https://management.azure.com:8443/b",
            "https://management.azure.com@example.com/b",
            "https://someone@management.azure.com/b",
            "//example.com/b",
            "ftp://management.azure.com/b",
            "http://127.0.0.1/b",
            "http://",
        ] {
            check(asked, elsewhere, None);
        }
    }

    #[test]
    fn a_loopback_endpoint_keeps_http() {
        let asked = "http://127.0.0.1:7071/a";
        check(
            asked,
            "http://127.0.0.1:7071/b",
            Some("http://127.0.0.1:7071/b"),
        );
        check(asked, "http://127.0.0.1:7072/b", None);
        check(asked, "http://example.com/b", None);
    }
}
