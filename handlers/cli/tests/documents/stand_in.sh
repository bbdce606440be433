# What documents call beside Azure CLI and the tools of every shell. Each says what is wrong with what it is
# given, as far as that can be told without Azure and registries, and does what later commands rely on.
set -u
fail() { echo "${0##*/}: $1" >&2; exit 1; }

case ${0##*/} in
spendwatch)
  # `--help` at the end: all before it is read, and nothing is done.
  exec "$SPENDWATCH" "$@" --help > /dev/null ;;

curl)
  method=GET key= url= before=
  for word; do
    case $before in -X) method=$word ;; -H) key=$word ;; esac
    case $word in https://*) url=$word ;; esac
    before=$word
  done
  case $url in "$APP_URL"/api/*) ;; *) fail "$url is not the app" ;; esac
  # The functions have the names of their routes.
  function=$ROOT/function-definitions/${url#"$APP_URL"/api/}/function.json
  [ -f "$function" ] || fail "there is no $function"
  grep -qi "\"methods\": .*\"$method\"" "$function" || fail "$function does not take $method"
  grep -q '"authLevel": "anonymous"' "$function" || [ "$key" = "x-functions-key: key" ] || fail "$function wants a key" ;;

terraform)
  case $1 in -chdir=*) ls "${1#-chdir=}"/*.tf > /dev/null || fail "there is no Terraform in ${1#-chdir=}"; shift ;; esac
  case "$*" in
  "output -json spendwatch")
    # An output a line, as `jq` below wants them.
    echo "{"
    sed -n 's/^output "\(.*\)" {$/\1/p' "$ROOT"/infra/terraform/main/*.tf | while read -r name; do
      case $name in
      *_url) value=$APP_URL ;;
      *_endpoint) value=https://acs-spendwatch-ab12cd.europe.communication.azure.com ;;
      mail_from) value=DoNotReply@ab12cd.azurecomm.net ;;
      *) value=value ;;
      esac
      echo "\"$name\": \"$value\","
    done
    echo '"": ""}' ;;
  init | validate | apply* | plan* | destroy*) ;;
  *) fail "what is $*?" ;;
  esac ;;

jq)
  # Of `jq -r .name` only.
  name=${2#.}
  value=$(sed -n "s/^\"$name\": \"\(.*\)\",$/\1/p")
  [ "$1" = -r ] && [ -n "$value" ] || fail "nothing is $*"
  echo "$value" ;;

azd)
  case "$1 ${2-}" in
  "env set") case $3 in AZURE_SUBSCRIPTION_ID | AZURE_LOCATION) ;;
    *) grep -q "\${$3}" "$ROOT/infra/bicep/azd.parameters.json" || fail "no parameter is \${$3}" ;; esac ;;
  "env get-value") grep -q "^output $3 " "$ROOT/infra/bicep/azd.bicep" || fail "no output is $3"; echo spendwatch ;;
  "env new" | "up " | "deploy " | "down " | "provision " | "provision --preview" | "auth login") ;;
  *) fail "what is $*?" ;;
  esac ;;

cargo)
  # Files that it makes.
  case "$*" in
  "xtask package"*) mkdir -p dist/app && : > dist/spendwatch-functions.zip ;;
  "build --release --package "*" --target "*) mkdir -p "target/$6/release" && : > "target/$6/release/spendwatch-$4" ;;
  esac ;;

uuidgen) echo 0E984725-C51C-4BF4-9960-E1C80E27ABA0 ;;

esac
exit 0
