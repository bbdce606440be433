//! The settings that the process reads from its environment, each once. The templates under `infra/` write
//! them and `docs/functions.md` explains them; a test holds the three together.

/// The names of all settings that this program or its host reads, in their order. Secrets have names of their
/// own: those that the configuration gives them.
pub const SETTINGS: [&str; 19] = [
    "ACTIONS_CLIENT_ID",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_CLIENT_ID",
    "AzureFunctionsJobHost__functionTimeout",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "EVALUATE_SCHEDULE",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SPENDWATCH_API_KEY",
    "SPENDWATCH_CONFIG",
    "SPENDWATCH_LOG",
    "SPENDWATCH_QUEUES",
    "SPENDWATCH_STATE",
    "SYNC_SCHEDULE",
    "WEBSITE_HOSTNAME",
];

/// Settings that look like ours and are none, each with the one that was probably meant.
pub fn unknown<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(&'a str, Option<&'static str>)> {
    let is_ours = |name: &str| name.starts_with("SPENDWATCH_");
    let known = |name: &str| SETTINGS.contains(&name);
    names
        .filter(|name| is_ours(name) && !known(name))
        .map(|name| (name, nearest(name)))
        .collect()
}

fn nearest(name: &str) -> Option<&'static str> {
    let names = SETTINGS.iter().copied();
    let near = names.map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = near.min()?;
    (distance <= 3).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_explained() {
        let docs = ["functions.md", "serve.md"].map(|name| {
            let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        });
        for name in SETTINGS {
            let word = format!("`{name}`");
            assert!(docs.iter().any(|text| text.contains(&word)), "{word}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_found_and_those_of_others_are_not() {
        let names = [
            "SPENDWATCH_CONFG",
            "SPENDWATCH_CONFIG",
            "PATH",
            "SPENDWATCH_COLOUR_OF_MAILS",
        ];
        assert_eq!(
            unknown(names.into_iter()),
            [
                ("SPENDWATCH_CONFG", Some("SPENDWATCH_CONFIG")),
                ("SPENDWATCH_COLOUR_OF_MAILS", None)
            ]
        );
    }
}
