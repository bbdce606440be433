# What documents call beside Azure CLI and the tools of every shell. Each says what is wrong with what it is
# given, as far as that can be told without Azure and registries, and does what later commands rely on.
set -u
# Descriptor 3 is heard also where a shell takes no notice: `a && b`.
fail() { echo "${0##*/}: $1" | tee /dev/stderr >&3; exit 1; }

case ${0##*/} in
spendwatch)
  # A configuration that a document writes is really checked. Else, with `--help` at the end, all before it is
  # read, and nothing is done.
  if [ "${1-} ${2-}" = "check --config" ] && [ -s "$3/spendwatch.toml" ]; then
    "$SPENDWATCH" "$@"
  else
    "$SPENDWATCH" "$@" --help > /dev/null
  fi || fail "exit code $? of $*" ;;

curl)
  method=GET key= url= before=
  for word; do
    case $before in -X) method=$word ;; -H) key=$word ;; esac
    case $word in http*://*) url=$word ;; esac
    before=$word
  done
  # The functions have the names of their routes.
  function=$ROOT/function-definitions/${url##*/}/function.json
  [ -f "$function" ] || fail "there is no $function"
  case $url in
  https://func-spendwatch-ab12cd.azurewebsites.net/api/*) ;;
  # A local host starts any function.
  http://localhost:7071/admin/functions/*) exit ;;
  *) fail "$url is not the app" ;;
  esac
  grep -qi "\"methods\": .*\"$method\"" "$function" || fail "$function does not take $method"
  grep -q '"authLevel": "anonymous"' "$function" || [ "$key" = "x-functions-key: key" ] || fail "$function wants a key" ;;

terraform)
  # Terraform itself, if it is there.
  if [ -n "$TERRAFORM" ]; then
    # Somebody who is asked says yes.
    eval "$TERRAFORM \"\$@\"" < <(echo yes) || fail "exit code $? of $*"
    exit
  fi
  case $1 in -chdir=*) ls "${1#-chdir=}"/*.tf > /dev/null || fail "there is no Terraform in ${1#-chdir=}"; shift ;; esac
  case "$*" in
  "output -json spendwatch")
    echo "{"
    sed -n 's/^output "\(.*\)" {$/\1/p' "$ROOT"/infra/terraform/main/*.tf | while read -r name; do
      case $name in
      function_app_name) value=func-spendwatch-ab12cd ;;
      function_app_url) value=https://func-spendwatch-ab12cd.azurewebsites.net ;;
      export_container_url) value=https://exspendwatchab12cd.blob.core.windows.net/exports ;;
      communication_endpoint) value=https://acs-spendwatch-ab12cd.europe.communication.azure.com ;;
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
  # Of `jq -r .name` with texts only.
  name=${2#.} text=$(cat)
  [ "$1" = -r ] && grep -q "\"$name\": *\"" <<< "$text" || fail "nothing is $*"
  sed -n "s/.*\"$name\": *\"\([^\"]*\)\".*/\1/p" <<< "$text" ;;

azd)
  case "$1 ${2-}" in
  "env set") case $3 in AZURE_SUBSCRIPTION_ID | AZURE_LOCATION) ;;
    *) grep -q "\${$3}" "$ROOT/infra/bicep/azd.parameters.json" || fail "no parameter is \${$3}" ;; esac ;;
  "env get-value") grep -q "^output $3 " "$ROOT/infra/bicep/azd.bicep" || fail "no output is $3"; echo spendwatch ;;
  "up ")
    # Its hook, with what it knows by then.
    hook=$(sed -n 's/^ *run: //p' "$ROOT/azure.yaml")
    AZURE_SUBSCRIPTION_ID=value AZURE_RESOURCE_GROUP=spendwatch AZURE_FUNCTION_NAME=func-spendwatch-ab12cd bash -eu -c "${hook%%$'\n'*}" ;;
  # Not "deploy": there is no service that azd could deploy.
  "env new" | "down " | "provision " | "provision --preview" | "auth login") ;;
  *) fail "what is $*?" ;;
  esac ;;

cargo)
  [ "$1" != xtask ] || grep -q "^  $2  " "$ROOT/xtask/src/main.rs" || fail "there is no task $2"
  # Files that it makes.
  case "$*" in
  "xtask package"*) mkdir -p dist/app && : > dist/spendwatch-functions.zip ;;
  "build --release --package "*" --target "*) mkdir -p "target/$6/release" && : > "target/$6/release/spendwatch-$4" ;;
  esac ;;

uuidgen) echo 0E984725-C51C-4BF4-9960-E1C80E27ABA0 ;;

esac
exit 0
