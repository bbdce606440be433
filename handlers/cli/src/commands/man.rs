//! `man`: the manual pages, from what the commands say of themselves.

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

use super::Exit;
use crate::args::{Cli, Pages};
use crate::output;

pub(super) fn run(options: &Pages) -> anyhow::Result<Exit> {
    let command = Cli::command();
    match &options.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .with_context(|| format!("write pages into {}", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            output::print_text(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Fine)
}
