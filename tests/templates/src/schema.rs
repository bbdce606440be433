//! Where the schema data are.

use std::path::{Path, PathBuf};

/// The folder with `bicep-types.json` and `azurerm.json`: the one that `SPENDWATCH_INFRA_SCHEMA`
/// names, or `../shared/infra-schema` beside the checkout. `None` if there is no such folder.
///
/// # Panics
///
/// If the variable names a folder without the data.
pub fn folder(root: &Path) -> Option<PathBuf> {
    let complete = |folder: &Path| folder.join("bicep-types.json").is_file();
    match std::env::var_os("SPENDWATCH_INFRA_SCHEMA") {
        Some(named) => {
            let named = PathBuf::from(named);
            assert!(
                complete(&named),
                "{} holds no bicep-types.json, and SPENDWATCH_INFRA_SCHEMA names it",
                named.display()
            );
            Some(named)
        }
        None => Some(root.join("../shared/infra-schema")).filter(|folder| complete(folder)),
    }
}
