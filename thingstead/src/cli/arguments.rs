//! What can be typed. The flags of settings come from the table, so they cannot drift from it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::Failure;
use crate::config::{Config, Environment, Merged, SETTINGS};

/// The whole command tree.
pub(super) fn command() -> Command {
    let settings = SETTINGS.iter().map(|setting| {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!(" [default: {}]", setting.default)
        };
        Arg::new(setting.key)
            .long(setting.flag())
            .value_name(setting.value)
            .help(format!("{}{default} [env: {}]", setting.about, setting.variable()))
            .help_heading("Settings")
            .global(true)
    });
    let api = Arg::new("api")
        .long("api")
        .value_name("URL")
        .help("the running server's API address [default: from endpoints.json in the data directory] [env: THINGSTEAD_API]")
        .global(true);
    let file = Arg::new("config_file")
        .long("config")
        .value_name("FILE")
        .help("the configuration file [default: ./thingstead.toml where it exists] [env: THINGSTEAD_CONFIG]")
        .value_parser(value_parser!(PathBuf))
        .global(true);
    Command::new("thingstead")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A self-hostable MQTT broker that behaves like AWS IoT Core, and says why it refuses")
        .args(settings)
        .arg(api)
        .arg(file)
        .subcommand(Command::new("serve").about("start the server (the default command)"))
        .subcommand(
            Command::new("config").about("show the merged configuration with the origin of every value"),
        )
        .subcommand(device())
        .subcommand(
            mqtt_client("pub", "publish one message with a device kit").args([
                Arg::new("message")
                    .short('m')
                    .long("message")
                    .value_name("TEXT")
                    .help("the payload; `-` reads standard input [default: empty]"),
                flag("retain", "keep it as the topic's retained message"),
            ]),
        )
        .subcommand(
            mqtt_client("sub", "subscribe with a device kit and print what arrives").arg(
                Arg::new("count")
                    .short('C')
                    .long("count")
                    .value_name("N")
                    .value_parser(value_parser!(u64))
                    .help("end after this many messages"),
            ),
        )
        .subcommand(policy())
        .subcommand(rule())
        .subcommand(
            Command::new("why")
                .about("what happened to this client, and what would fix it")
                .arg(
                    Arg::new("client")
                        .value_name("CLIENT")
                        .help("a client id; without one, everybody's refusals"),
                )
                .arg(flag("all", "show what was allowed, too")),
        )
        .subcommand(
            Command::new("reset").about("back to the seeded state; connections are closed, the CA is kept"),
        )
        .subcommand(
            Command::new("snapshot")
                .about("save and restore the whole state")
                .subcommand_required(true)
                .subcommand(Command::new("list").about("list snapshots"))
                .subcommand(Command::new("save").about("save the state").arg(name()))
                .subcommand(Command::new("restore").about("restore a state").arg(name()))
                .subcommand(Command::new("delete").about("forget a state").arg(name())),
        )
        .subcommand(Command::new("endpoints").about("print the addresses of the running server"))
        .subcommand(
            Command::new("readyz")
                .about("exit 0 when the server is ready, else 1")
                .arg(flag("wait", "wait until it is, at most 60 seconds")),
        )
}

fn device() -> Command {
    let create = Command::new("create")
        .about("make a thing, a key, a certificate and a policy, and write them as a device kit")
        .arg(name())
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["pem", "c-header", "p12"])
                .default_value("pem")
                .help("how key and certificates are written"),
        )
        .arg(
            Arg::new("password")
                .long("password")
                .value_name("TEXT")
                .default_value("changeit")
                .help("what protects the file of `--format p12`"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("the kit's directory [default: ./NAME]"),
        );
    Command::new("device").about("devices").subcommand_required(true).subcommand(create)
}

fn mqtt_client(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).args([
        Arg::new("kit")
            .long("kit")
            .value_name("DIR")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("the directory that `thingstead device create` wrote"),
        Arg::new("topic")
            .short('t')
            .long("topic")
            .value_name("TOPIC")
            .required(true)
            .help("the topic or filter"),
        Arg::new("qos")
            .short('q')
            .long("qos")
            .value_name("0|1")
            .value_parser(["0", "1"])
            .default_value("1")
            .help("quality of service"),
        Arg::new("client-id")
            .short('i')
            .long("client-id")
            .value_name("ID")
            .help("the client id [default: the kit's]"),
    ])
}

fn policy() -> Command {
    Command::new("policy")
        .about("IoT policies")
        .subcommand_required(true)
        .subcommand(Command::new("test").about("run policy test vectors; exit 1 on a failure").arg(files()))
        .subcommand(
            Command::new("check")
                .about("read policy documents and say what is wrong or probably not meant; exit 1 when one is malformed")
                .arg(files()),
        )
        .subcommand(
            Command::new("explain")
                .about("one decision, with the statement that made it and every variable resolved")
                .arg(required("action", "ACTION", "such as iot:Publish"))
                .arg(required("resource", "ARN", "the full ARN asked for"))
                .arg(
                    Arg::new("document")
                        .long("policy")
                        .value_name("FILE")
                        .required(true)
                        .action(ArgAction::Append)
                        .value_parser(value_parser!(PathBuf))
                        .help("a policy document; may be given several times"),
                )
                .arg(Arg::new("context").long("context").value_name("JSON").default_value("{}").help(
                    "the request's facts in the form of the test vectors, such as {\"clientId\":\"lamp-1\"}",
                )),
        )
}

fn rule() -> Command {
    Command::new("rule")
        .about("topic rules")
        .subcommand_required(true)
        .subcommand(Command::new("test").about("run rules-SQL vectors; exit 1 on a failure").arg(files()))
        .subcommand(
            Command::new("eval")
                .about("evaluate one statement against a payload from a file or standard input")
                .arg(required("sql", "SQL", "the statement"))
                .arg(option(
                    "topic",
                    "TOPIC",
                    "the topic it was published on [default: the statement's filter]",
                ))
                .arg(option("payload", "FILE", "the payload; `-` reads standard input [default: {}]"))
                .arg(option("client-id", "ID", "what clientid() answers"))
                .arg(
                    Arg::new("sql-version")
                        .long("sql-version")
                        .value_name("VERSION")
                        .value_parser(["2015-10-08", "2016-03-23", "beta"])
                        .default_value("2016-03-23")
                        .help("awsIotSqlVersion"),
                ),
        )
}

fn flag(name: &'static str, about: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(about)
}

fn option(name: &'static str, value: &'static str, about: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(about)
}

fn required(name: &'static str, value: &'static str, about: &'static str) -> Arg {
    Arg::new(name).value_name(value).required(true).help(about)
}

fn name() -> Arg {
    required("name", "NAME", "its name")
}

fn files() -> Arg {
    Arg::new("files")
        .value_name("FILE")
        .required(true)
        .num_args(1..)
        .value_parser(value_parser!(PathBuf))
        .help("vector files; `-` reads standard input")
}

/// Flags, environment and file, merged.
pub(super) fn merged(matches: &ArgMatches, environment: Environment<'_>) -> Result<Merged, Failure> {
    let flags: BTreeMap<String, String> = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.key.to_owned(), matches.get_one::<String>(setting.key)?.clone())))
        .collect();
    let file = matches
        .get_one::<PathBuf>("config_file")
        .cloned()
        .or_else(|| environment("THINGSTEAD_CONFIG").map(PathBuf::from));
    let variables: Vec<String> =
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    Ok(Merged::read(&flags, environment, &variables, file.as_deref())?)
}

/// The merged configuration, checked.
pub(super) fn config(matches: &ArgMatches, environment: Environment<'_>) -> Result<Config, Failure> {
    Ok(Config::from_merged(&merged(matches, environment)?)?)
}
