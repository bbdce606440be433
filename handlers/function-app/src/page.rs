//! The pages that links from notices lead to: plain HTML that needs no script, loads nothing from
//! elsewhere, tells its address to nobody, and is kept nowhere.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// A page, from parts that are text until they are asked to be markup.
pub(crate) struct Page {
    title: &'static str,
    body: String,
}

/// One field of a form.
pub(crate) enum Field<'a> {
    /// A text over several lines.
    Text {
        name: &'a str,
        label: &'a str,
        /// Most characters.
        most: usize,
        required: bool,
    },
    /// One of several values, each with its words; the first is chosen.
    Choice {
        name: &'a str,
        label: &'a str,
        values: Vec<(&'a str, String)>,
    },
}

impl Page {
    pub(crate) fn new(title: &'static str) -> Page {
        Page {
            title,
            body: String::new(),
        }
    }

    pub(crate) fn paragraph(mut self, text: &str) -> Page {
        self.body += &format!("<p>{}</p>", escaped(text));
        self
    }

    pub(crate) fn heading(mut self, text: &str) -> Page {
        self.body += &format!("<h2>{}</h2>", escaped(text));
        self
    }

    /// A list of lines; nothing if there are none.
    pub(crate) fn list(mut self, lines: &[String]) -> Page {
        if lines.is_empty() {
            return self;
        }
        self.body += "<ul>";
        for line in lines {
            self.body += &format!("<li>{}</li>", escaped(line));
        }
        self.body += "</ul>";
        self
    }

    /// Named values.
    pub(crate) fn facts(mut self, facts: &[(&str, String)]) -> Page {
        self.body += "<dl>";
        for (name, value) in facts {
            self.body += &format!("<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
        }
        self.body += "</dl>";
        self
    }

    /// Rows under headings; the first cell of a row names it.
    pub(crate) fn table(mut self, caption: &str, head: &[&str], rows: &[Vec<String>]) -> Page {
        self.body += &format!("<table><caption>{}</caption><thead><tr>", escaped(caption));
        for cell in head {
            self.body += &format!("<th scope=\"col\">{}</th>", escaped(cell));
        }
        self.body += "</tr></thead><tbody>";
        for row in rows {
            self.body += "<tr>";
            for (index, cell) in row.iter().enumerate() {
                self.body += &match index {
                    0 => format!("<th scope=\"row\">{}</th>", escaped(cell)),
                    _ => format!("<td>{}</td>", escaped(cell)),
                };
            }
            self.body += "</tr>";
        }
        self.body += "</tbody></table>";
        self
    }

    /// A form that posts to the page's own address.
    pub(crate) fn form(mut self, fields: &[Field<'_>], button: &str) -> Page {
        self.body += "<form method=\"post\">";
        for field in fields {
            self.body += &match field {
                Field::Text {
                    name,
                    label,
                    most,
                    required,
                } => {
                    let required = if *required { " required" } else { "" };
                    format!(
                        "<p><label for=\"{name}\">{}</label><br>\
                         <textarea id=\"{name}\" name=\"{name}\" rows=\"3\" maxlength=\"{most}\"{required}>\
                         </textarea></p>",
                        escaped(label)
                    )
                }
                Field::Choice {
                    name,
                    label,
                    values,
                } => {
                    let values = values.iter().enumerate().map(|(index, (value, words))| {
                        let checked = if index == 0 { " checked" } else { "" };
                        format!(
                            "<label><input type=\"radio\" name=\"{name}\" value=\"{}\"{checked}> {}\
                             </label><br>",
                            escaped(value),
                            escaped(words)
                        )
                    });
                    let values: String = values.collect();
                    format!(
                        "<fieldset><legend>{}</legend>{values}</fieldset>",
                        escaped(label)
                    )
                }
            };
        }
        self.body += &format!("<p><button>{}</button></p></form>", escaped(button));
        self
    }

    /// The answer.
    pub(crate) fn answer(self, status: StatusCode) -> Response {
        let Page { title, body } = self;
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
             <style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1>{body}</main></body></html>"
        );
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'",
            ),
        ];
        let mut response = (status, html).into_response();
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 sans-serif;max-width:42em;margin:3em auto;padding:0 1em;overflow-wrap:anywhere}\
button,textarea{font:inherit}\
button{padding:.5em 1.5em}\
textarea{width:100%;box-sizing:border-box}\
dt{font-weight:bold}\
table{border-collapse:collapse;width:100%;margin:1em 0}\
caption{text-align:left;font-weight:bold}\
th,td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;font-weight:normal}\
thead th{border-bottom:1px solid;overflow-wrap:normal}";

/// Names come from Azure, from tags and from people: nothing of them may be read as markup, and nothing
/// may turn the direction of what follows.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        let hostile = "<script>\"a\"&'b'\n</script>\u{202e}txt";
        let expected = "&lt;script&gt;&quot;a&quot;&amp;&#39;b&#39; &lt;/script&gt;txt";
        assert_eq!(escaped(hostile), expected);
        let page = Page::new("T")
            .paragraph(hostile)
            .heading(hostile)
            .list(&[hostile.to_owned()])
            .facts(&[(hostile, hostile.to_owned())])
            .table(hostile, &[hostile], &[vec![hostile.to_owned()]])
            .form(
                &[Field::Choice {
                    name: "n",
                    label: hostile,
                    values: vec![(hostile, hostile.to_owned())],
                }],
                hostile,
            );
        assert!(!page.body.contains("<script"), "{}", page.body);
        assert_eq!(page.body.matches(expected).count(), 12, "{}", page.body);
    }
}
