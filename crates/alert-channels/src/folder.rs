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
    use crate::http::{Access, Http};
    use crate::samples;
    use crate::slack::Slack;

    #[tokio::test]
    async fn payloads_become_files_inside_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        let url = "https://hooks.contoso.example/x".into();
        let slack = Slack::new(&Http::new().unwrap(), &url, Access::public()).unwrap();
        let folder = Folder::new(Arc::new(slack), directory.path().join("out"));
        for (_, notice) in samples::all() {
            let result = folder.send(&notice, Attempt::first(samples::at())).await;
            let SendResult::Delivered {
                provider_id: Some(name),
            } = result
            else {
                panic!("{result:?}");
            };
            let written = std::fs::read(folder.path().join(name)).unwrap();
            assert_eq!(written, folder.render(&notice).unwrap().bytes);
        }
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            names.iter().all(|name| name.ends_with(".json")),
            "{names:?}"
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
