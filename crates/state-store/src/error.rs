//! The one error type of the crate.

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, sorted by what the caller does about it.
///
/// No message and no source contains the query of a URL, because that is where a shared access
/// signature lives.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a document already. It may be your own: see [`Documents`](crate::Documents).
    #[error("{key} already exists")]
    Exists {
        /// The key that was to be created.
        key: String,
    },

    /// The version (or receipt) is not the current one, or the thing is gone. Read again.
    #[error("{key} moved since it was read")]
    Moved {
        /// The key, or the queue and message id.
        key: String,
    },

    /// The key or queue name breaks the rules. A bug of the caller, or a bad name in a file.
    #[error("invalid key {key:?}: {reason}")]
    InvalidKey {
        /// The key as it was given.
        key: String,
        /// The rule that it breaks.
        reason: &'static str,
    },

    /// The text does not fit. Send less.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was to be stored.
        what: String,
        /// The limit in bytes.
        limit: usize,
    },

    /// No right to do this. A person must grant a role or a file permission.
    #[error("not allowed to {operation}")]
    Unauthorized {
        /// Verb and object.
        operation: String,
        /// What the store said.
        source: Cause,
    },

    /// The store could not be reached, is throttling or failing. Try again later; a write may have
    /// happened.
    #[error("store unavailable: could not {operation}")]
    Unavailable {
        /// Verb and object.
        operation: String,
        /// What the store or the network said.
        source: Cause,
    },

    /// What is stored cannot be understood. A person must look at it.
    #[error("{key} holds something else than expected")]
    Corrupt {
        /// The key.
        key: String,
        /// What is wrong with it.
        source: Cause,
    },

    /// The store refuses in a way that repeating does not help: a wrong address, a lease or policy
    /// on the document, a directory full of symbolic links.
    #[error("store refused to {operation}")]
    Refused {
        /// Verb and object.
        operation: String,
        /// What the store said.
        source: Cause,
    },
}

/// The source of an [`Error`].
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
