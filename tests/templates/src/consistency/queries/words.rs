//! What the queries may be made of: tables with their columns, operators and functions. From the reference of
//! Azure Monitor's tables and of the Kusto query language; what a new query needs is added here.

/// Columns that every table has.
pub(super) const COMMON: &[&str] = &[
    "TimeGenerated",
    "Type",
    "TenantId",
    "SourceSystem",
    "_ResourceId",
    "_SubscriptionId",
];

/// Columns of all tables of Application Insights.
const APP: &[&str] = &[
    "AppRoleInstance",
    "AppRoleName",
    "AppVersion",
    "ClientType",
    "IKey",
    "ItemCount",
    "OperationId",
    "OperationName",
    "ParentId",
    "Properties",
    "ResourceGUID",
    "SDKVersion",
    "SessionId",
    "SyntheticSource",
    "UserId",
];

/// Tables, and their columns beside those that all have.
pub(super) const TABLES: &[(&str, &[&[&str]])] = &[
    (
        "AppRequests",
        &[
            APP,
            &[
                "DurationMs",
                "Id",
                "Measurements",
                "Name",
                "PerformanceBucket",
                "ResultCode",
                "Source",
                "Success",
                "Url",
            ],
        ],
    ),
    ("AppTraces", &[APP, &["Message", "SeverityLevel"]]),
    (
        "AppExceptions",
        &[
            APP,
            &[
                "ExceptionType",
                "InnermostMessage",
                "InnermostType",
                "Method",
                "OuterMessage",
                "OuterType",
                "ProblemId",
                "SeverityLevel",
            ],
        ],
    ),
    (
        "AppDependencies",
        &[
            APP,
            &[
                "Data",
                "DependencyType",
                "DurationMs",
                "Id",
                "Name",
                "ResultCode",
                "Success",
                "Target",
            ],
        ],
    ),
    (
        "FunctionAppLogs",
        &[&[
            "AppName",
            "Category",
            "EventId",
            "ExceptionMessage",
            "ExceptionType",
            "FunctionInvocationId",
            "FunctionName",
            "HostInstanceId",
            "Level",
            "Location",
            "Message",
            "RoleInstance",
        ]],
    ),
    (
        "StorageQueueLogs",
        &[&[
            "AccountName",
            "AuthenticationType",
            "CallerIpAddress",
            "Category",
            "CorrelationId",
            "DurationMs",
            "Location",
            "ObjectKey",
            "OperationName",
            "RequesterObjectId",
            "ServerLatencyMs",
            "StatusCode",
            "StatusText",
            "Uri",
            "UserAgentHeader",
        ]],
    ),
];

/// What may follow a bar.
pub(super) const OPERATORS: &[&str] = &[
    "count",
    "distinct",
    "extend",
    "join",
    "limit",
    "order",
    "project",
    "sort",
    "summarize",
    "take",
    "top",
    "union",
    "where",
];

/// Words of the language that are no names.
pub(super) const KEYWORDS: &[&str] = &[
    "and",
    "asc",
    "between",
    "by",
    "contains",
    "desc",
    "endswith",
    "false",
    "has",
    "in",
    "inner",
    "kind",
    "leftanti",
    "leftouter",
    "let",
    "not",
    "on",
    "or",
    "startswith",
    "true",
];

/// Functions, aggregates among them.
pub(super) const FUNCTIONS: &[&str] = &[
    "ago",
    "arg_max",
    "arg_min",
    "avg",
    "bin",
    "coalesce",
    "count",
    "countif",
    "dcount",
    "extract",
    "iff",
    "isempty",
    "isnotempty",
    "make_list",
    "make_set",
    "max",
    "min",
    "not",
    "now",
    "parse_json",
    "percentile",
    "round",
    "split",
    "strcat",
    "sum",
    "sumif",
    "take_any",
    "todouble",
    "toint",
    "tolong",
    "tolower",
    "tostring",
];

/// Operations of the queue service that writes are logged as.
pub(super) const QUEUE_WRITES: &[&str] = &[
    "ClearMessages",
    "CreateQueue",
    "DeleteMessage",
    "DeleteQueue",
    "PutMessage",
    "SetQueueMetadata",
    "UpdateMessage",
];
