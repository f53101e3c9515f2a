//! The configuration file of `serve`: its values take the place of the defaults of options, below flags and environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::builder::OsStr;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Id};
use serde::Serialize;

use crate::commands::ServeOptions;
use crate::exit::{Failure, Outcome};

/// Id of the option that names the file.
pub(crate) const OPTION: &str = "config";
/// Ids of the options of a server. Other options of the verbs are about one call, and no file sets them.
static OF_SERVER: LazyLock<Vec<Id>> = LazyLock::new(|| {
    let options = ServeOptions::augment_args(Command::new("serve"));
    options.get_arguments().map(|arg| arg.get_id().clone()).collect()
});
/// The verbs that are configured.
const VERBS: [&[&str]; 4] = [&["serve"], &["config", "show"], &["doctor"], &["health"]];
/// Bytes of a configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A value of the configuration, and the place that it comes from.
#[derive(Serialize)]
pub(crate) struct Setting {
    /// The name of the option, without its dashes.
    pub(crate) name: String,
    /// Its values as text; none if it is not set.
    pub(crate) values: Vec<String>,
    /// The place that they come from.
    pub(crate) origin: String,
}

/// The command, with an environment variable for every option of the verbs that are configured, and with the values of
/// the configuration file as defaults, if the arguments or the environment name one.
pub(crate) fn layered(mut command: Command) -> Outcome<Command> {
    for path in VERBS {
        command = change(command, path, &mut |verb| Ok(with_variables(verb)))?;
    }
    // Faults of the arguments are reported by the parse that follows.
    let Ok(first) = command.clone().ignore_errors(true).try_get_matches() else {
        return Ok(command);
    };
    for path in VERBS {
        let Some(verb) = verb_of(&first, path) else { continue };
        let Some(file) = verb.get_one::<PathBuf>(OPTION) else { continue };
        let table = read(file)?;
        return change(command, path, &mut |verb| with_values(verb, file, &table));
    }
    Ok(command)
}

/// The arguments of a verb, if it is the one that is called.
pub(crate) fn verb_of<'m>(matches: &'m ArgMatches, path: &[&str]) -> Option<&'m ArgMatches> {
    path.iter().try_fold(matches, |matches, name| matches.subcommand_matches(name))
}

fn read(file: &Path) -> Outcome<toml::Table> {
    let fault = |detail: String| Failure::new(format!("{}: {detail}", file.display()));
    let length = file.metadata().map_err(|e| fault(e.to_string()))?.len();
    if length > MAX_FILE_BYTES {
        return Err(fault(format!(
            "it has {length} bytes; a configuration has {MAX_FILE_BYTES} at most"
        )));
    }
    let text = std::fs::read_to_string(file).map_err(|e| fault(e.to_string()))?;
    text.parse().map_err(|e: toml::de::Error| fault(e.to_string().trim_end().to_owned()))
}

/// The command, after `change` was applied to one of its verbs.
fn change(
    command: Command,
    path: &[&str],
    change_verb: &mut dyn FnMut(Command) -> Outcome<Command>,
) -> Outcome<Command> {
    let Some((first, rest)) = path.split_first() else { return change_verb(command) };
    let mut fault = None;
    let command = command.mut_subcommand(first, |verb| {
        change(verb.clone(), rest, change_verb).unwrap_or_else(|failure| {
            fault = Some(failure);
            verb
        })
    });
    fault.map_or(Ok(command), Err)
}

/// A verb with an environment variable for every option that has none: `LEXIVEC_` and its name.
fn with_variables(mut verb: Command) -> Command {
    let without = |arg: &&Arg| arg.get_env().is_none();
    let options: Vec<_> = options(&verb).filter(without).map(|arg| arg.get_id().clone()).collect();
    for id in options {
        verb = verb.mut_arg(id, |arg| {
            let name = arg.get_long().unwrap_or_default().to_uppercase().replace('-', "_");
            arg.env(format!("LEXIVEC_{name}"))
        });
    }
    verb
}

/// A verb whose options have the values of a file as defaults.
fn with_values(mut verb: Command, file: &Path, table: &toml::Table) -> Outcome<Command> {
    for (name, value) in table {
        let fault = |detail: &str| Failure::new(format!("{}: {name}: {detail}", file.display()));
        let Some(arg) = options(&verb).find(|arg| arg.get_long() == Some(name)) else {
            let names: Vec<&str> = options(&verb).filter_map(Arg::get_long).collect();
            return Err(fault(&format!("there is no such option; there are {}", names.join(", "))));
        };
        let id = arg.get_id().clone();
        let flag = matches!(arg.get_action(), ArgAction::SetTrue);
        let values = match value {
            toml::Value::Boolean(false) if flag => continue,
            toml::Value::Boolean(true) if flag => vec!["true".to_owned()],
            _ if flag => return Err(fault("true or false is expected")),
            toml::Value::Array(values) if matches!(arg.get_action(), ArgAction::Append) => {
                let texts = values.iter().map(text).collect::<Option<Vec<_>>>();
                texts.ok_or_else(|| fault("a list of texts is expected"))?
            }
            value => vec![text(value).ok_or_else(|| fault("a text or a number is expected"))?],
        };
        let values: Vec<OsString> = values.into_iter().map(OsString::from).collect();
        verb = verb.mut_arg(id, |arg| arg.default_values(values.into_iter().map(OsStr::from)));
    }
    Ok(verb)
}

fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Options that a file can set.
fn options(verb: &Command) -> impl Iterator<Item = &Arg> {
    let settable = |arg: &&Arg| {
        let id = arg.get_id();
        id != OPTION && (OF_SERVER.contains(id) || arg.is_global_set())
    };
    verb.get_arguments().filter(settable)
}

/// Every option of a verb with its value and the place that it comes from.
pub(crate) fn settings(verb: &Command, matches: &ArgMatches) -> Outcome<Vec<Setting>> {
    let file = matches.get_one::<PathBuf>(OPTION);
    let table = file.map(|file| read(file)).transpose()?.unwrap_or_default();
    let of_file = |name: &str| table.contains_key(name);
    let setting = |arg: &Arg| {
        let (id, name) = (arg.get_id().as_str(), arg.get_long()?.to_owned());
        let raw = matches.get_raw(id).into_iter().flatten();
        let values: Vec<String> = raw.map(|value| value.to_string_lossy().into_owned()).collect();
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag".to_owned(),
            Some(ValueSource::EnvVariable) => {
                let variable = arg.get_env().unwrap_or_default().to_string_lossy();
                format!("environment ({variable})")
            }
            Some(_) if of_file(&name) => {
                let file = file.map(|file| file.display().to_string()).unwrap_or_default();
                format!("file ({file})")
            }
            _ => "default".to_owned(),
        };
        Some(Setting { name, values, origin })
    };
    Ok(options(verb).filter_map(setting).collect())
}
