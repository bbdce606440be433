//! Function folders, `host.json`, and the settings of a local host.

use crate::common::project;
use crate::{BICEP, caught, found, mistakes};

#[test]
fn a_function_without_a_route_and_a_route_without_a_function_are_found() {
    let project = project();
    let before = found(&project);
    let mut wrong = project.clone();
    let text = project
        .text("function-definitions/plan/function.json")
        .unwrap();
    wrong.put("function-definitions/plans/function.json", text);
    caught(
        &before,
        &wrong,
        &[
            "plans/function.json",
            "no route plans",
            "did you mean plan?",
        ],
    );

    let mut wrong = project.clone();
    wrong.remove("function-definitions/sweep/function.json");
    caught(
        &before,
        &wrong,
        &["the route sweep of the handler has no folder"],
    );
}

/// The definition of a function.
macro_rules! definition {
    ($name:literal) => {
        concat!("function-definitions/", $name, "/function.json")
    };
}

mistakes! { mistakes_in_functions_and_their_host_are_found {
    open_to_anybody: definition!("status"), "\"authLevel\": \"function\"" => "\"authLevel\": \"anonymous\"";
        ["status/function.json: bindings[0].authLevel is \"anonymous\", and \"function\" is needed"];
    closed_to_callers: definition!("health"), "\"authLevel\": \"anonymous\"" => "\"authLevel\": \"function\"";
        ["health/function.json: bindings[0].authLevel is \"function\", and \"anonymous\" is needed"];
    other_route: definition!("health"), "\"route\": \"health\"" => "\"route\": \"healthz\"";
        ["health/function.json: bindings[0].route is \"healthz\", and \"health\" is needed"];
    other_method: definition!("evaluate"), "[\"post\"]" => "[\"get\"]";
        ["evaluate/function.json: bindings[0].methods is [\"get\"], and [\"post\"] is needed"];
    method_too_many: definition!("plan"), "[\"get\"]" => "[\"get\", \"post\"]";
        ["plan/function.json: bindings[0].methods is [\"get\",\"post\"], and [\"get\"] is needed"];
    other_output: definition!("status"), "\"name\": \"res\"" => "\"name\": \"response\"";
        ["status/function.json: bindings[1].name is \"response\", and \"res\" is needed"];
    other_input: definition!("status"), "\"name\": \"req\"" => "\"name\": \"request\"";
        ["status/function.json: bindings[0].name is \"request\", and \"req\" is needed"];
    no_output: definition!("apply"),
        "    },\n    {\n      \"type\": \"http\",\n      \"direction\": \"out\",\n      \"name\": \"res\"\n    }" => "    }";
        ["apply/function.json: there are 1 bindings, and 2 are needed"];
    other_message: definition!("export-arrived"), "\"name\": \"message\"" => "\"name\": \"event\"";
        ["export-arrived/function.json: bindings[0].name is \"event\", and \"message\" is needed"];
    queue_of_another: definition!("export-arrived"), "\"exports\"" => "\"evaluations\"";
        ["export-arrived/function.json: bindings[0].queueName is \"evaluations\", and \"exports\" is needed"];
    other_kind: definition!("sweep"), "\"timerTrigger\"" => "\"timeTrigger\"";
        ["sweep/function.json: bindings[0].type is \"timeTrigger\", and \"timerTrigger\" is needed"];
    at_every_start: definition!("sweep"), "\"runOnStartup\": false" => "\"runOnStartup\": true";
        ["sweep/function.json: bindings[0].runOnStartup is true, and false is needed"];
    late_ticks_are_lost: definition!("evaluate-budgets"), "\"useMonitor\": true" => "\"useMonitor\": false";
        ["evaluate-budgets/function.json: bindings[0].useMonitor is false, and true is needed"];
    five_fields: definition!("sweep"), "\"0 * * * * *\"" => "\"* * * * *\"";
        ["sweep/function.json: the schedule \"* * * * *\" is none: it has 5 fields and not 6"];
    no_such_minute: definition!("sweep"), "\"0 * * * * *\"" => "\"0 */60 * * * *\"";
        ["sweep/function.json: the schedule", "*/60 is no minute (0 to 59)"];
    schedule_of_another: definition!("sync-budgets"), "%SYNC_SCHEDULE%" => "%EVALUATE_SCHEDULE%";
        ["sync-budgets/function.json: bindings[0].schedule is \"%EVALUATE_SCHEDULE%\", and \"%SYNC_SCHEDULE%\" is needed"];
    no_such_setting: definition!("sync-budgets"), "%SYNC_SCHEDULE%" => "%SYNC_SHEDULE%";
        ["sync-budgets/function.json", "does not write the setting SYNC_SHEDULE", "did you mean SYNC_SCHEDULE?"];
    default_is_no_schedule: BICEP, "'0 0 */4 * * *'" => "'0 */4 * * *'";
        ["main.bicep:", "\"0 */4 * * *\" is no schedule for EVALUATE_SCHEDULE: it has 5 fields and not 6"];
    default_is_no_schedule_in_both: BICEP, "'0 30 3 * * *'" => "'0 30 30 * * *'",
        "infra/terraform/main/variables.tf", "\"0 30 3 * * *\"" => "\"0 30 30 * * *\"";
        ["variables.tf:", "\"0 30 30 * * *\" is no schedule for SYNC_SCHEDULE: 30 is no hour"];
    given_up_early: "host.json", "\"maxDequeueCount\": 5" => "\"maxDequeueCount\": 1";
        ["host.json: /extensions/queues/maxDequeueCount is 1, and 5 is needed"];
    other_prefix: "host.json", "\"routePrefix\": \"api\"" => "\"routePrefix\": \"\"";
        ["host.json: /extensions/http/routePrefix is \"\", and api is needed"];
    traces_are_sampled: "host.json", "Request;Exception;Trace" => "Request;Exception";
        ["host.json: ", "excludedTypes is \"Request;Exception\", and Request;Exception;Trace is needed"];
    exceptions_are_sampled: "host.json", "Request;Exception;Trace" => "Request;Trace";
        ["host.json: ", "excludedTypes is \"Request;Trace\", and Request;Exception;Trace is needed"];
    lines_are_not_logged: "host.json", "\"default\": \"Information\"" => "\"default\": \"Warning\"";
        ["host.json: /logging/logLevel/default is \"Warning\", and Information is needed"];
    // What is beside the deployment.
    misspelt_local_setting: "infra/local.settings.example.json", "\"SPENDWATCH_STATE\"" => "\"SPENDWATCH_STAT\"";
        ["local.settings.example.json: nothing reads the setting SPENDWATCH_STAT; did you mean SPENDWATCH_STATE?"];
    misspelt_local_schedule: "infra/local.settings.example.json", "\"SYNC_SCHEDULE\"" => "\"SYNC_SHEDULE\"";
        ["local.settings.example.json: the setting SYNC_SCHEDULE is missing", "did you mean SYNC_SHEDULE?"];
    local_schedule_is_none: "infra/local.settings.example.json", "\"0 30 3 * * *\"" => "\"30 3 * * *\"";
        ["local.settings.example.json: SYNC_SCHEDULE \"30 3 * * *\" is no schedule"];
    misspelt_part_of_local_settings: "infra/local.settings.example.json", "\"Values\"" => "\"values\"";
        ["local.settings.example.json: a local host reads no values; did you mean Values?"];
    other_package_of_azd: "azure.yaml", "--src dist/spendwatch-functions.zip" => "--src dist/spendwatch.zip";
        ["azure.yaml:", "the hook uploads \"dist/spendwatch.zip\"", "dist/spendwatch-functions.zip"];
    other_app_of_azd: "azure.yaml", "$AZURE_FUNCTION_NAME" => "$AZURE_FUNCTIONS_NAME";
        ["azure.yaml:", "azd has no output AZURE_FUNCTIONS_NAME; did you mean AZURE_FUNCTION_NAME?"];
    other_app_of_azd_on_windows: "azure.yaml", "$env:AZURE_FUNCTION_NAME" => "$env:AZURE_FUNCTIONS_NAME";
        ["azure.yaml:", "azd has no output AZURE_FUNCTIONS_NAME; did you mean AZURE_FUNCTION_NAME?"];
    no_output_for_azd: "infra/bicep/azd.bicep", "output AZURE_FUNCTION_NAME" => "output FUNCTION_NAME";
        ["azure.yaml:", "azd has no output AZURE_FUNCTION_NAME"];
    other_language_of_azd: "azure.yaml", "provider: bicep" => "provider: terraform";
        ["azure.yaml:", "provider is terraform, and bicep is needed"];
    other_task_of_azd: "azure.yaml", "run: cargo xtask package" => "run: cargo xtask pack";
        ["azure.yaml:", "there is no task pack; did you mean package?"];
    hook_that_is_not_there: "azure.yaml", "run: cargo xtask package" => "run: ./hooks/package.sh";
        ["azure.yaml:", "the hook runs ./hooks/package.sh, which is no task of ours"];
    task_that_is_gone: "xtask/src/main.rs", "  package            the" => "  pack               the";
        ["azure.yaml:", "there is no task package; did you mean pack?"];
    misspelt_key_of_a_function: definition!("evaluate-budgets"), "\"retry\"" => "\"retries\"";
        ["evaluate-budgets/function.json: the host knows no retries; did you mean retry?"];
    no_time_between_tries: definition!("evaluate-budgets"), "\"00:00:30\"" => "\"30s\"";
        ["evaluate-budgets/function.json: delayInterval is \"30s\", which is no time: hh:mm:ss"];
    misspelt_key_of_the_host: "host.json", "\"batchSize\"" => "\"batchsize\"";
        ["host.json: the host knows no batchsize; did you mean batchSize?"];
    other_runtime_of_a_local_host: "infra/local.settings.example.json", "\"custom\"" => "\"node\"";
        ["local.settings.example.json: /Values/FUNCTIONS_WORKER_RUNTIME is \"node\", and custom is needed"];
    misspelt_key_of_azd: "azure.yaml", "postprovision:" => "postprovison:";
        ["azure.yaml:", "postprovison is not known here; did you mean postprovision?"];
} }
