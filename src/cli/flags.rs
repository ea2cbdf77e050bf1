//! Settings from the command line: every option of the table is a flag, and `--config` names a file.
//!
//! A flag beats the file, as in ArangoDB. Values are handed over as written, in the order they were typed, so that
//! all that is wrong with them is reported together. Read next: `tlsport::settings::TABLE`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use log::error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tlsport::dialect::{self, System, kdb};
use tlsport::error::{Error, Problems};
use tlsport::settings::{Builder, Form, Note, Origin, Record, Settings, TABLE, Words};
use tlsport::tls::{self, Occasion, Prepared};

/// The flags that `-h` shows, each with its value and a few words; `--help` shows all of them in whole sentences.
const FIRST: &[(&str, &str, &str)] = &[
    (
        "server.endpoint",
        "URL",
        "Where to listen: ssl:// tcp:// unix://",
    ),
    ("backend", "URL", "Where plain bytes go: tcp:// unix://"),
    ("ssl.keyfile", "FILE", "Certificate chain and key, PEM"),
    (
        "ssl.cafile",
        "FILE",
        "CAs that clients need a certificate of, PEM",
    ),
    ("ssl.verify-client", "MODE", "none, request or require"),
    (
        "ssl.protocol",
        "N",
        "4 TLS 1.0, 5 TLS 1.2, 6 TLS 1.3, 9 any",
    ),
    (
        "ssl.min-protocol",
        "VERSION",
        "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
    ),
    (
        "ssl.cipher-list",
        "STRING",
        "TLS 1.2 and older, as OpenSSL writes them",
    ),
    ("ssl.ciphersuites", "NAMES", "TLS 1.3, separated by colons"),
    ("ssl.options", "MASK", "SSL_OP_ bits, a number or names"),
    ("ssl.session-cache", "BOOL", "Keep sessions in the server"),
    ("threads", "N", "Worker threads; 0 is one a core"),
];

/// The same for a client.
const FIRST_OF_CLIENTS: &[(&str, &str, &str)] = &[
    ("ssl.cafile", "FILE", "CAs that are trusted, PEM"),
    ("ssl.verify-server", "HOW", "name, chain or none"),
    (
        "ssl.keyfile",
        "FILE",
        "Our own certificate chain and key, PEM",
    ),
    ("timeout.connect", "TIME", "How long connecting may take"),
];

/// Makes the help of all subcommands fit a screen: a line a flag, the ones used most, no headings.
pub(crate) fn in_brief(command: Command) -> Command {
    command.mut_subcommands(|subcommand| {
        let first = match subcommand.get_name() {
            "connect" => FIRST_OF_CLIENTS,
            _ => FIRST,
        };
        subcommand.mut_args(|arg| brief(arg, first))
    })
}

fn brief(arg: Arg, first: &[(&str, &'static str, &'static str)]) -> Arg {
    match first.iter().find(|(name, ..)| arg.get_id() == name) {
        Some((_, value, words)) => arg.value_name(value).help(words).help_heading(None),
        None if arg.get_help_heading().is_some() => arg.hide(true),
        None => arg,
    }
}

/// kdb+'s flags, which have no long names: what clap calls them.
const MODE: &str = "kdb-mode";
const PORT: &str = "kdb-port";

/// Adds the flags of all settings to a subcommand.
pub(crate) fn with_settings(command: Command) -> Command {
    let kdb = [
        Arg::new(MODE)
            .short('E')
            .value_name("MODE")
            .allow_hyphen_values(true)
            .hide_short_help(true)
            .help("kdb+'s TLS server mode for -p: 0 plain, 1 plain and TLS, 2 TLS alone"),
        Arg::new(PORT)
            .short('p')
            .value_name("[rp,][HOST:]PORT")
            .allow_hyphen_values(true)
            .hide_short_help(true)
            .help("kdb+'s port: a number, a service, 0W for any, FIRST/LAST"),
    ];
    with_some_settings(command, |_| true).args(kdb)
}

/// The same of those that it has a use for.
pub(crate) fn with_some_settings(command: Command, has: fn(&Record) -> bool) -> Command {
    command
        .args([
            Arg::new("config")
                .long("config")
                .alias("configuration")
                .short('c')
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Settings from a file, which flags beat")
                .long_help("Settings from a file, which flags beat. FILE.local, where there is one, beats FILE; 'none' is no file at all."),
            Arg::new("dialect")
                .long("dialect")
                .value_name("NAME")
                .value_parser(PossibleValuesParser::new(dialect::names()))
                .hide_possible_values(true)
                .help("Language of the file, if not recognised")
                .long_help(format!(
                    "Language of the file, if it is not recognised: {}. For kdb there is none: its settings are variables of \
                     the environment.",
                    dialect::names().join(", ")
                )),
        ])
        .args(TABLE.iter().filter(|record| has(record)).map(flag))
        .after_help("more: --help")
        .after_long_help(super::failure::STATUSES)
}

/// One option of the table as a flag.
fn flag(record: &'static Record) -> Arg {
    let arg = Arg::new(record.name)
        .long(record.name)
        .aliases(record.aliases.iter().copied())
        .value_name(record.value)
        .value_hint(hint(record))
        .help_heading(record.group.title())
        .help(record.help)
        // Whether it may be given twice is for the table to say.
        .action(ArgAction::Append);
    match record.form {
        Form::Switch => arg.num_args(0..=1).default_missing_value("true"),
        Form::Value | Form::Repeated => arg.num_args(1).allow_negative_numbers(true),
    }
}

/// What a shell is to complete.
fn hint(record: &Record) -> ValueHint {
    match record.value {
        "FILE" => ValueHint::FilePath,
        "DIRECTORY" => ValueHint::DirPath,
        _ => ValueHint::Unknown,
    }
}

/// The settings with their files read and judged by libssl: all that a server does before it listens.
pub(crate) struct Ready {
    pub(crate) settings: Settings,
    pub(crate) prepared: Arc<Prepared>,
    /// What somebody should hear about either.
    pub(crate) notes: Vec<Note>,
}

/// Puts remarks into the log.
pub(crate) fn tell(notes: &[Note]) {
    notes.iter().for_each(Note::log);
}

/// All that serving needs.
///
/// # Errors
/// Everything that is wrong, with the settings and with the files they name.
pub(crate) fn prepare(matches: &ArgMatches) -> Result<Ready, Problems> {
    let (settings, notes) = settled(collect(matches), Occasion::Start)?;
    // What is odd about the settings may be why a file cannot be used.
    let loaded = Prepared::load_or_degrade(&settings, None).inspect_err(|_| tell(&notes))?;
    let (settings, prepared, more) = loaded;
    Ok(ready(settings, notes, (prepared, more)))
}

/// The same for a reload of what is served. With PostgreSQL's files, TLS stays as it was where anything about it is wrong,
/// as a key that needs a passphrase is, so do the rules of who may come in, and all else is reloaded.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn prepare_again(matches: &ArgMatches, before: &Ready) -> Result<Ready, Problems> {
    let builder = collect(matches);
    if builder.settings().policy.words != Words::PostgreSql {
        let (settings, notes) = settled(builder, Occasion::Reload)?;
        let loaded = Prepared::load_or_degrade(&settings, Some(&before.settings))
            .inspect_err(|_| tell(&notes))?;
        let (settings, prepared, more) = loaded;
        return Ok(ready(settings, notes, (prepared, more)));
    }
    let (mut settings, notes, of_rules) = builder.finish_but_rules()?;
    if !of_rules.is_empty() {
        kept(&of_rules, "pg_hba.conf was not reloaded");
        settings.postgresql = before.settings.postgresql.clone();
    }
    match Prepared::load_at(&settings, Occasion::Reload) {
        Ok(loaded) => Ok(ready(settings, notes, loaded)),
        Err(Problems(problems)) => {
            kept(&problems, "SSL configuration was not reloaded");
            settings.keep_tls_of(&before.settings);
            Ok(Ready {
                settings,
                prepared: Arc::clone(&before.prepared),
                notes,
            })
        }
    }
}

/// Says what was not taken over, and why.
fn kept(problems: &[Error], what: &str) {
    for problem in problems {
        error!("{problem}");
    }
    error!("{what}");
}

fn ready(
    settings: Settings,
    mut notes: Vec<Note>,
    (prepared, more): (Prepared, Vec<Note>),
) -> Ready {
    notes.extend(more);
    Ready {
        settings,
        prepared: Arc::new(prepared),
        notes,
    }
}

/// The settings, checked against each other.
fn settled(builder: Builder, occasion: Occasion) -> Result<(Settings, Vec<Note>), Problems> {
    let so_far = builder.settings().clone();
    builder.finish().map_err(|mut problems| {
        // Nothing will come of it, but whoever has to mend the settings had better hear of all of it.
        let more = Prepared::load_at(&so_far, occasion).err();
        problems.0.extend(more.into_iter().flat_map(|more| more.0));
        problems
    })
}

/// All that file and flags say, not yet checked against each other.
pub(crate) fn collect(matches: &ArgMatches) -> Builder {
    let mut builder = Builder::new(Settings::default());
    let system = System {
        openssl_dir: tls::openssl_dir(),
    };
    let name = matches.get_one::<String>("dialect").map(String::as_str);
    let file = matches.get_one::<PathBuf>("config");
    match (name, file.filter(|path| *path != Path::new("none"))) {
        (name, Some(path)) => dialect::read(name, &system, path, &mut builder),
        (Some(name), None) => dialect::read_environment(name, &system, &mut builder),
        (None, None) => {}
    }
    builder.begin_layer();
    // Who does not listen has none of them.
    if matches.try_contains_id(PORT).is_ok() {
        kdb_flags(matches, name, &system, &mut builder);
    }
    for (record, value) in typed(matches) {
        let origin = Origin::Flag(format!("--{}", record.name).into());
        builder.set(record.name, value, origin);
    }
    dialect::complete(&system, &mut builder);
    builder
}

/// `-E` and `-p`, which are kdb+'s alone.
fn kdb_flags(matches: &ArgMatches, dialect: Option<&str>, system: &System, builder: &mut Builder) {
    let given = |name| matches.get_one::<String>(name).map(String::as_str);
    let (mode, port) = (given(MODE), given(PORT));
    if dialect == Some("kdb") {
        return kdb::listen(mode, port, system, builder);
    }
    for (flag, _) in [("-E", mode), ("-p", port)]
        .iter()
        .filter(|(_, given)| given.is_some())
    {
        let text = format!("{flag} is kdb+'s, and needs '--dialect kdb'");
        builder.problem(Error::settings(text));
    }
}

/// The options that were typed, in the order they were typed.
fn typed(matches: &ArgMatches) -> Vec<(&'static Record, &str)> {
    let mut typed = Vec::new();
    for record in TABLE {
        // Not every subcommand has every option.
        let values = matches.try_get_many::<String>(record.name).ok().flatten();
        let Some(values) = values else {
            continue;
        };
        let places = matches.indices_of(record.name).into_iter().flatten();
        typed.extend(
            places
                .zip(values)
                .map(|(place, value)| (place, record, value.as_str())),
        );
    }
    typed.sort_by_key(|(place, ..)| *place);
    typed
        .into_iter()
        .map(|(_, record, value)| (record, value))
        .collect()
}
