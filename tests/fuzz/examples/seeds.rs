//! Writes the inputs that the fuzz targets start from: `cargo run --example seeds -- CORPUS`.

use std::path::PathBuf;

use lexivec_fuzz::TARGETS;

fn main() -> std::io::Result<()> {
    let Some(corpus) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("name the folder to write to"));
    };
    for target in TARGETS {
        let folder = corpus.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (i, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i:03}")), seed)?;
        }
    }
    Ok(())
}
