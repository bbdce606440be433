//! Dry runs: what any channel would send, as files in a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::channel::{Attempt, Channel, Kind, RenderError, Rendered};
use crate::notice::Notice;
use crate::outcome::{Class, SendResult};

/// Writes the payloads of another channel to `<delivery id>.eml` or `.json` instead of sending them.
pub struct Folder {
    channel: Arc<dyn Channel>,
    path: PathBuf,
}

impl Folder {
    /// A folder for the payloads of `channel`; it is created when first needed.
    pub fn new(channel: Arc<dyn Channel>, path: impl Into<PathBuf>) -> Folder {
        Folder {
            channel,
            path: path.into(),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file there whole or not at all, under a name that was not there before or holds the
    /// same delivery.
    async fn write(&self, name: &str, rendered: &Rendered) -> std::io::Result<()> {
        tokio::fs::create_dir_all(&self.path).await?;
        let half = self.path.join(format!(".{name}.{}", std::process::id()));
        tokio::fs::write(&half, &rendered.bytes).await?;
        tokio::fs::rename(&half, self.path.join(name)).await
    }
}

#[async_trait]
impl Channel for Folder {
    fn kind(&self) -> Kind {
        self.channel.kind()
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        self.channel.render(notice)
    }

    async fn send(&self, notice: &Notice, _attempt: Attempt) -> SendResult {
        let rendered = match self.render(notice) {
            Ok(rendered) => rendered,
            Err(error @ RenderError::NotTaken) => {
                return SendResult::message(Class::Policy, error.to_string());
            }
            Err(error) => return SendResult::message(Class::Recipient, error.to_string()),
        };
        let name = format!("{}.{}", notice.safe_id(), rendered.extension);
        match self.write(&name, &rendered).await {
            Ok(()) => SendResult::Delivered {
                provider_id: Some(name),
            },
            Err(error) => SendResult::transient(
                Class::Local,
                format!("the file cannot be written: {}", error.kind()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::testing::channels;

    #[tokio::test]
    async fn payloads_of_every_kind_become_files_inside_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        for channel in channels() {
            let kind = channel.kind();
            let folder = Folder::new(channel, directory.path().join(kind.as_str()));
            let mut names = Vec::new();
            for (_, notice) in samples::all() {
                let result = folder.send(&notice, Attempt::first(samples::at())).await;
                if !kind.takes(&notice.message) {
                    assert_eq!(result.failure().unwrap().class, Class::Policy);
                    continue;
                }
                let SendResult::Delivered {
                    provider_id: Some(name),
                } = result
                else {
                    panic!("{kind}: {result:?}");
                };
                let written = std::fs::read(folder.path().join(&name)).unwrap();
                assert_eq!(written, folder.render(&notice).unwrap().bytes);
                names.push(name);
            }
            let ending = if kind == Kind::Email { ".eml" } else { ".json" };
            assert!(names.iter().all(|name| name.ends_with(ending)), "{names:?}");
            for entry in std::fs::read_dir(folder.path()).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(names.contains(&name), "{name}");
            }
        }
        let count = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(count, Kind::ALL.len(), "nothing beside the folders");
    }
}
