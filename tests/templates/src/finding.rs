//! What a check has to say.

use std::fmt;
use std::sync::Arc;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, from the root of the project.
    pub file: Arc<str>,
    /// The line, from 1; 0 stands for the whole file.
    pub line: usize,
}

impl Place {
    /// A line of a file.
    pub fn new(file: impl Into<Arc<str>>, line: usize) -> Self {
        Place {
            file: file.into(),
            line,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it was made.
    pub place: Place,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Finding {
    /// A mistake in one place.
    pub fn new(place: &Place, message: impl Into<String>) -> Self {
        Finding {
            place: place.clone(),
            message: message.into(),
        }
    }

    /// A mistake that a whole file makes.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Finding {
            place: Place::new(file, 0),
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// `; did you mean X?` with the most similar of the names, or nothing if none is similar.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let similar = |other: &str| strsim::jaro_winkler(&lower, &other.to_lowercase());
    names
        .into_iter()
        .map(|other| (similar(other), other))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| format!("; did you mean {other}?"))
        .unwrap_or_default()
}
