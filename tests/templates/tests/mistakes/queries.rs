//! Queries, the workbook, and the log line that they read.

use crate::mistakes;

const WORK: &str = "crates/spendwatch/src/jobs/work.rs";
const WORKBOOK: &str = "infra/workbook.json";

mistakes! { mistakes_in_queries_are_found {
    other_table: "infra/queries/evaluation-late.kql", "let lines = AppTraces" => "let lines = AppTrace";
        ["evaluation-late.kql:", "there is no table AppTrace; did you mean AppTraces?"];
    table_of_another_mode: "infra/queries/failed-invocations.kql", "AppRequests" => "requests";
        ["failed-invocations.kql:", "there is no table requests"];
    other_column: "infra/queries/failed-invocations.kql", "ResultCode" => "StatusCode";
        ["failed-invocations.kql:", "there is no column of AppRequests StatusCode"];
    column_of_before: "infra/queries/failed-invocations.kql", "Success ==" => "success ==";
        ["failed-invocations.kql:", "there is no column of AppRequests success; did you mean Success?"];
    column_of_another_table: "infra/queries/poison-messages.kql", "where AccountName" => "where StorageAccount";
        ["poison-messages.kql:", "there is no column of StorageQueueLogs StorageAccount"];
    unknown_function: "infra/queries/stale-data.kql", "todouble(" => "to_double(";
        ["stale-data.kql:", "there is no function to_double; did you mean todouble?"];
    unknown_operator: "infra/queries/stale-data.kql", "| summarize" => "| summarise";
        ["stale-data.kql:", "there is no operator summarise; did you mean summarize?"];
    name_of_nothing: "infra/queries/stale-data.kql", "| where age >" => "| where ages >";
        ["stale-data.kql:", "there is no column of AppTraces ages; did you mean age?"];
    name_of_no_let: "infra/queries/evaluation-late.kql", "inner reads on" => "inner read on";
        ["evaluation-late.kql:", "there is no column of", "read; did you mean reads?"];
    field_that_is_not_logged: "infra/queries/stale-data.kql", "line.data_age_hours)\n" => "line.data_age_days)\n";
        ["stale-data.kql:", "there is no field of the line \"evaluated\" in the log of the app, data_age_days; did you mean data_age_hours?"];
    field_by_index: "infra/queries/stale-data.kql", "line[\"read\"]" => "line[\"scope\"]";
        ["stale-data.kql:", "there is no field of the line \"evaluated\" in the log of the app, scope"];
    other_message: "infra/queries/stale-data.kql", "== \"evaluated\"" => "== \"evaluation\"";
        ["stale-data.kql:", "there is no message in the log of the app evaluation; did you mean evaluated?"];
    message_that_is_not_searched: "infra/queries/evaluation-late.kql", "Message has \"evaluated\"" => "Message has \"evaluate\"";
        ["evaluation-late.kql:", "there is no message in the log of the app evaluate; did you mean evaluated?"];
    other_function: "infra/queries/evaluation-late.kql", "\"evaluate-scope\"" => "\"evaluate-scopes\"";
        ["evaluation-late.kql:", "there is no function of the app evaluate-scopes; did you mean evaluate-scope?"];
    other_operation: "infra/queries/poison-messages.kql", "\"PutMessage\"" => "\"PutMessages\"";
        ["poison-messages.kql:", "there is no operation PutMessages; did you mean PutMessage?"];
    other_queues: "infra/queries/poison-messages.kql", "\"-poison/\"" => "\"-poisoned/\"";
        ["poison-messages.kql:", "\"-poisoned/\" is in no address of a queue"];
    beside_a_placeholder: "infra/queries/poison-messages.kql", "\"{storage}\"" => "\"st{storage}\"";
        ["poison-messages.kql:", "\"st{storage}\" is not what is filled in"];
    not_closed: "infra/queries/failed-invocations.kql", "between (400 .. 499))" => "between (400 .. 499)";
        ["failed-invocations.kql:", "( is not closed"];
    renamed_field: WORK, "        data_age_hours = age" => "        data_age_h = age";
        ["stale-data.kql:", "there is no field of the line \"evaluated\"", "data_age_hours; did you mean data_age_h?"];
    renamed_count: WORK, "        budgets,\n        failed,\n" => "        evaluated,\n        failed,\n";
        ["evaluation-late.kql:", "there is no field of the line \"evaluated\"", "budgets"];
    renamed_message: WORK, "        \"evaluated\"\n" => "        \"budgets evaluated\"\n";
        ["evaluation-late.kql:", "there is no message in the log of the app evaluated"];
    // The workbook.
    workbook_that_is_no_json: WORKBOOK, "\"version\": \"Notebook/1.0\"," => "\"version\": \"Notebook/1.0\"";
        ["workbook.json:", "not JSON"];
    other_table_in_workbook: WORKBOOK, "\"AppRequests\\n" => "\"AppRequest\\n";
        ["workbook.json:", "there is no table AppRequest; did you mean AppRequests?"];
    other_column_in_workbook: WORKBOOK, "percentile(DurationMs" => "percentile(Duration";
        ["workbook.json:", "there is no column of AppRequests Duration; did you mean DurationMs?"];
    other_field_in_workbook: WORKBOOK, "toint(line.budgets), Failed" => "toint(line.budget), Failed";
        ["workbook.json:", "there is no field of the line \"evaluated\"", "budget; did you mean budgets?"];
    other_placeholder_in_workbook: WORKBOOK, "          \"{workspace}\"" => "          \"{workspaces}\"";
        ["workbook.json: crossComponentResources of \"Invocations\" is [\"{workspaces}\"], and [\"{workspace}\"] is needed"];
    no_such_time: WORKBOOK, "\"name\": \"Time\"" => "\"name\": \"Times\"";
        ["workbook.json: timeContextFromParameter of \"Invocations\" is \"Time\", and a parameter of the workbook is needed"];
    other_version_of_workbook: WORKBOOK, "Notebook/1.0" => "Notebook/2.0";
        ["workbook.json: version is \"Notebook/2.0\", and \"Notebook/1.0\" is needed"];
} }
