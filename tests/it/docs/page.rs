//! A Markdown page as its code blocks, with the text between them kept for writing it back.

use std::path::Path;

/// One command of a console block, and the output the page shows for it.
pub(super) struct Shown {
    /// Line of the page, from 1.
    pub(super) line: usize,
    /// The command without its prompt, over one line or several.
    pub(super) text: String,
    /// Lines of output.
    pub(super) output: Vec<String>,
}

/// A part of a page.
pub(super) enum Block {
    /// Lines outside code blocks.
    Prose(Vec<String>),
    /// A console block that is run.
    Console(Vec<Shown>),
    /// Any other code block.
    Other {
        /// Line of the page, from 1.
        line: usize,
        /// Words after the fence.
        info: String,
        /// Lines between the fences.
        lines: Vec<String>,
    },
}

/// A page.
pub(super) struct Page {
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
}

impl Page {
    /// Reads a page.
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a page");
        Self::of(&path.file_name().expect("a name").to_string_lossy(), &text)
    }

    /// Takes a text apart.
    pub(super) fn of(name: &str, text: &str) -> Self {
        let mut blocks = Vec::new();
        let mut prose = Vec::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                prose.push(line.to_owned());
                continue;
            };
            blocks.push(Block::Prose(std::mem::take(&mut prose)));
            let mut inside = Vec::new();
            loop {
                let (_, line) =
                    lines.next().unwrap_or_else(|| panic!("{name}:{}: an open block", number + 1));
                if line == "```" {
                    break;
                }
                inside.push(line.to_owned());
            }
            blocks.push(match info {
                "console" => Block::Console(commands(name, number + 2, &inside)),
                _ => Block::Other { line: number + 1, info: info.to_owned(), lines: inside },
            });
        }
        blocks.push(Block::Prose(prose));
        Self { name: name.to_owned(), blocks }
    }

    /// The page as Markdown.
    pub(super) fn text(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Prose(prose) => lines.extend_from_slice(prose),
                Block::Other { info, lines: inside, .. } => {
                    lines.push(format!("```{info}"));
                    lines.extend_from_slice(inside);
                    lines.push("```".to_owned());
                }
                Block::Console(commands) => {
                    lines.push("```console".to_owned());
                    for command in commands {
                        lines.push(format!("$ {}", command.text));
                        lines.extend_from_slice(&command.output);
                    }
                    lines.push("```".to_owned());
                }
            }
        }
        lines.join("\n") + "\n"
    }
}

/// The commands of a block whose first line has this number.
fn commands(name: &str, first: usize, lines: &[String]) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    let mut lines = lines.iter().enumerate();
    while let Some((number, line)) = lines.next() {
        let number = first + number;
        let Some(start) = line.strip_prefix("$ ") else {
            let last = commands.last_mut();
            let last = last.unwrap_or_else(|| panic!("{name}:{number}: output before a command"));
            last.output.push(line.clone());
            continue;
        };
        let mut text = start.to_owned();
        while is_open(&text) {
            let (_, next) =
                lines.next().unwrap_or_else(|| panic!("{name}:{number}: an open command"));
            text.push('\n');
            text.push_str(next);
        }
        commands.push(Shown { line: number, text, output: Vec::new() });
    }
    commands
}

/// True if a command goes on in the next line: a here-document, a quotation or a backslash is open.
fn is_open(command: &str) -> bool {
    if let Some((_, rest)) = command.split_once("<<'") {
        let end = rest.split('\'').next().unwrap_or_default();
        return !command.lines().skip(1).any(|line| line == end);
    }
    let mut quote = None;
    for c in command.chars() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
    }
    quote.is_some() || command.ends_with('\\')
}
