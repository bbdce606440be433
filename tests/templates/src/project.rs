//! The files that checks read, in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use crate::finding::Finding;
use crate::{bicep, terraform};

/// Files of the project by their paths from its root.
#[derive(Debug, Clone, Default)]
pub struct Project {
    files: BTreeMap<String, String>,
}

impl Project {
    /// Reads `infra`, `function-definitions`, `docs`, the files beside them that say something about the
    /// deployment, and of the source the jobs, whose log lines are queried, and the list of our tasks.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not text.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut project = Project::default();
        for folder in [
            "infra",
            "function-definitions",
            "docs",
            "crates/spendwatch/src/jobs",
        ] {
            project.read_folder(root, folder)?;
        }
        for file in ["azure.yaml", "host.json", "xtask/src/main.rs"] {
            if root.join(file).is_file() {
                project.read_file(root, file)?;
            }
        }
        Ok(project)
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_name() == ".terraform" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.read_folder(root, &path)?;
            } else if is_text(&path) {
                self.read_file(root, &path)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, root: &Path, path: &str) -> io::Result<()> {
        let text = fs::read_to_string(root.join(path))?;
        self.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// Puts a file there or replaces it.
    pub fn put(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.to_owned());
    }

    /// Takes a file away.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub fn remove(&mut self, path: &str) {
        assert!(self.files.remove(path).is_some(), "there is no {path}");
    }

    /// Replaces text in a file, each time it occurs.
    ///
    /// # Panics
    ///
    /// If the file is not there or does not hold the text.
    pub fn replace(&mut self, path: &str, from: &str, to: &str) {
        let text = self.files.get_mut(path);
        let text = text.unwrap_or_else(|| panic!("there is no {path}"));
        assert!(text.contains(from), "{path} does not hold {from:?}");
        *text = text.replace(from, to);
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The files below a folder (ending in `/`) whose names end like this, in order.
    pub fn files<'a>(
        &'a self,
        folder: &'a str,
        end: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(end))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// The templates of a project, read once.
#[derive(Debug, Clone)]
pub struct Templates {
    /// The Bicep files.
    pub bicep: Vec<bicep::Template>,
    /// The Terraform folders.
    pub terraform: Vec<terraform::Folder>,
    /// What could not be read.
    pub unread: Vec<Finding>,
}

impl Templates {
    /// Reads all templates below `infra`.
    pub fn read(project: &Project) -> Self {
        let (bicep, mut unread) = bicep::read_all(project);
        let (terraform, of_terraform) = terraform::read_all(project);
        unread.extend(of_terraform);
        Templates {
            bicep,
            terraform,
            unread,
        }
    }
}

fn is_text(path: &str) -> bool {
    let ends = [
        ".bicep",
        ".bicepparam",
        ".json",
        ".kql",
        ".md",
        ".rs",
        ".tf",
        ".tfvars",
        ".yaml",
        ".yml",
    ];
    ends.iter().any(|end| path.ends_with(end))
}
