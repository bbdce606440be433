//! `$filter` expressions.
//!
//! The cost APIs take a small part of OData: comparisons of a name with a value, quoted or bare,
//! joined by `and`; the retail prices also take `or`, parentheses and `contains`.

use super::answer::Refusal;

/// How a name is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `contains(name, 'value')`.
    Contains,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// The name as written, without `properties/` in front.
    pub(super) name: String,
    pub(super) comparison: Comparison,
    pub(super) value: String,
}

impl Term {
    /// Whether this term is about a name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether a value passes. Texts are compared by character, so dates must be written alike.
    pub(super) fn passes(&self, value: &str) -> bool {
        match self.comparison {
            Comparison::Equal => value == self.value,
            Comparison::Less => value < &*self.value,
            Comparison::LessOrEqual => value <= &*self.value,
            Comparison::Greater => value > &*self.value,
            Comparison::GreaterOrEqual => value >= &*self.value,
            Comparison::Contains => value.contains(&self.value),
        }
    }
}

/// A whole expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Term(Term),
    And(Vec<Filter>),
    Or(Vec<Filter>),
}

impl Filter {
    /// Reads an expression.
    pub(super) fn parse(text: &str) -> Result<Filter, Refusal> {
        let wrong = |problem: &str| {
            Refusal::bad_request(format!("The $filter '{text}' is invalid: {problem}."))
        };
        let mut words = Words(text);
        let filter = alternatives(&mut words).map_err(wrong)?;
        match words.next().map_err(wrong)? {
            None => Ok(filter),
            Some(word) => Err(wrong(&format!("{word:?} is not expected there"))),
        }
    }

    /// The terms of an expression without `or`.
    pub(super) fn terms(self) -> Result<Vec<Term>, Refusal> {
        match self {
            Filter::Term(term) => Ok(vec![term]),
            Filter::And(parts) => {
                let parts: Result<Vec<_>, _> = parts.into_iter().map(Filter::terms).collect();
                Ok(parts?.concat())
            }
            Filter::Or(_) => Err(Refusal::bad_request("The $filter must not contain 'or'.")),
        }
    }

    /// Whether something passes, of which `matches` judges single terms.
    pub(super) fn passes(&self, matches: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Filter::Term(term) => matches(term),
            Filter::And(parts) => parts.iter().all(|part| part.passes(matches)),
            Filter::Or(parts) => parts.iter().any(|part| part.passes(matches)),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Bare(&'a str),
    Quoted(String),
    Sign(char),
}

struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<Option<Word<'a>>, &'static str> {
        self.0 = self.0.trim_start();
        let Some(first) = self.0.chars().next() else {
            return Ok(None);
        };
        if matches!(first, '(' | ')' | ',') {
            self.0 = &self.0[1..];
            return Ok(Some(Word::Sign(first)));
        }
        if first != '\'' {
            let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'');
            let end = self.0.find(is_end).unwrap_or(self.0.len());
            let (word, rest) = self.0.split_at(end);
            self.0 = rest;
            return Ok(Some(Word::Bare(word)));
        }
        // A quote within a text is written twice.
        let mut value = String::new();
        let mut rest = &self.0[1..];
        loop {
            let end = rest.find('\'').ok_or("a quote is not closed")?;
            value.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(more) => {
                    value.push('\'');
                    rest = more;
                }
                None => break,
            }
        }
        self.0 = rest;
        Ok(Some(Word::Quoted(value)))
    }

    /// Takes a keyword if it comes next.
    fn takes(&mut self, keyword: &str) -> Result<bool, &'static str> {
        let before = self.0;
        match self.next()? {
            Some(Word::Bare(word)) if word.eq_ignore_ascii_case(keyword) => Ok(true),
            Some(Word::Sign(sign)) if keyword.starts_with(sign) => Ok(true),
            _ => {
                self.0 = before;
                Ok(false)
            }
        }
    }
}

fn alternatives(words: &mut Words) -> Result<Filter, &'static str> {
    joined(words, "or", conjunction, Filter::Or)
}

fn conjunction(words: &mut Words) -> Result<Filter, &'static str> {
    joined(words, "and", single, Filter::And)
}

fn joined(
    words: &mut Words,
    by: &str,
    part: fn(&mut Words) -> Result<Filter, &'static str>,
    all: fn(Vec<Filter>) -> Filter,
) -> Result<Filter, &'static str> {
    let first = part(words)?;
    let mut parts = vec![first];
    while words.takes(by)? {
        parts.push(part(words)?);
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => all(parts),
    })
}

fn single(words: &mut Words) -> Result<Filter, &'static str> {
    if words.takes("(")? {
        let inner = alternatives(words)?;
        return if words.takes(")")? {
            Ok(inner)
        } else {
            Err("a parenthesis is not closed")
        };
    }
    let Some(Word::Bare(name)) = words.next()? else {
        return Err("a name is missing");
    };
    if name.eq_ignore_ascii_case("contains") {
        let opened = words.takes("(")?;
        let (name, comma) = (words.next()?, words.takes(",")?);
        let (value, closed) = (words.next()?, words.takes(")")?);
        return match (opened, name, comma, value, closed) {
            (true, Some(Word::Bare(name)), true, Some(Word::Quoted(value)), true) => {
                Ok(term(name, Comparison::Contains, value))
            }
            _ => Err("contains is written contains(name, 'value')"),
        };
    }
    let comparison = match words.next()? {
        Some(Word::Bare(word)) => match word.to_ascii_lowercase().as_str() {
            "eq" => Comparison::Equal,
            "lt" => Comparison::Less,
            "le" => Comparison::LessOrEqual,
            "gt" => Comparison::Greater,
            "ge" => Comparison::GreaterOrEqual,
            _ => return Err("the operators are eq, lt, le, gt, ge and and"),
        },
        _ => return Err("an operator is missing"),
    };
    match words.next()? {
        Some(Word::Quoted(value)) => Ok(term(name, comparison, value)),
        Some(Word::Bare(value)) => Ok(term(name, comparison, value.to_owned())),
        _ => Err("a value is missing"),
    }
}

fn term(name: &str, comparison: Comparison, value: String) -> Filter {
    let prefix = name.get(.."properties/".len());
    let prefixed = prefix.is_some_and(|start| start.eq_ignore_ascii_case("properties/"));
    let name = if prefixed {
        &name["properties/".len()..]
    } else {
        name
    };
    Filter::Term(Term {
        name: name.to_owned(),
        comparison,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<(String, Comparison, String)> {
        let terms = Filter::parse(text).unwrap().terms().unwrap();
        let plain = |term: Term| (term.name, term.comparison, term.value);
        terms.into_iter().map(plain).collect()
    }

    #[test]
    fn terms_are_quoted_or_bare_and_in_any_case() {
        let text = "properties/usageDate ge 2017-10-01 AND Properties/usageDate LE '2017-11-20'";
        let usage_date = || "usageDate".to_owned();
        assert_eq!(
            terms(text),
            [
                (
                    usage_date(),
                    Comparison::GreaterOrEqual,
                    "2017-10-01".to_owned()
                ),
                (
                    usage_date(),
                    Comparison::LessOrEqual,
                    "2017-11-20".to_owned()
                ),
            ]
        );
        let quote = terms("tags eq 'owner:O''Neil and sons'");
        assert_eq!(quote[0].2, "owner:O'Neil and sons");
    }

    #[test]
    fn or_binds_weaker_than_and_unless_in_parentheses() {
        let passes = |text: &str, true_ones: &[&str]| {
            let filter = Filter::parse(text).unwrap();
            filter.passes(&|term: &Term| true_ones.contains(&&*term.name))
        };
        assert!(passes("a eq 1 or b eq 1 and c eq 1", &["a"]));
        assert!(!passes("(a eq 1 or b eq 1) and c eq 1", &["a"]));
        assert!(passes(
            "(a eq 1 or contains(b, 'x')) and c eq 1",
            &["b", "c"]
        ));
        let either = Filter::parse("a eq 1 or b eq 2").unwrap();
        assert!(either.terms().is_err());
    }

    #[test]
    fn broken_expressions_say_what_is_wrong() {
        for (text, problem) in [
            ("", "a name is missing"),
            ("a", "an operator is missing"),
            ("a ne 1", "the operators are"),
            ("a eq", "a value is missing"),
            ("a eq 'x", "a quote is not closed"),
            ("(a eq 1", "a parenthesis is not closed"),
            ("a eq 1 b", "not expected"),
            ("contains(a 'b')", "contains is written"),
            ("é'", "a quote is not closed"),
        ] {
            let message = Filter::parse(text).unwrap_err().message;
            assert!(message.contains(problem), "{text}: {message}");
        }
    }
}
