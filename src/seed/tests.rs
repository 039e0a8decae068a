use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::time::{Duration, SystemTime};

use super::*;

/// A directory of the test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("compose-operator-seed-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("image/empty")).unwrap();
        fs::create_dir_all(path.join("volume")).unwrap();
        let scratch = Self(path);
        fs::write(scratch.image("file"), "text").unwrap();
        scratch
    }

    fn image(&self, path: &str) -> PathBuf {
        self.0.join("image").join(path)
    }

    fn volume(&self, path: &str) -> PathBuf {
        self.0.join("volume").join(path)
    }

    fn seed(&self) -> Seeded {
        seed(&self.image(""), &self.volume("data")).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn everything_arrives_with_its_attributes() {
    let scratch = Scratch::new("all");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::hard_link(scratch.image("file"), scratch.image("same")).unwrap();
    symlink("nowhere/at/all", scratch.image("link")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, scratch.image("pipe"), rustix::fs::FileType::Fifo, 0o640.into(), 0).unwrap();
    fs::create_dir(scratch.image("sub")).unwrap();
    fs::write(scratch.image("sub/run"), vec![0; 70_000]).unwrap();
    fs::set_permissions(scratch.image("sub/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(scratch.image("sub"), fs::Permissions::from_mode(0o1770)).unwrap();
    fs::File::open(scratch.image("sub/run")).unwrap().set_modified(long_ago).unwrap();
    fs::File::open(scratch.image("sub")).unwrap().set_modified(long_ago).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::lchown(scratch.image("link"), Some(7), Some(8)).unwrap();
        std::os::unix::fs::chown(scratch.image("sub"), Some(999), Some(998)).unwrap();
    }
    assert_eq!(scratch.seed(), Seeded::Copied(8));
    let data = |path: &str| scratch.volume("data").join(path);
    let of = |path: &str| fs::symlink_metadata(data(path)).unwrap();
    assert_eq!(fs::read_to_string(data("file")).unwrap(), "text");
    assert_eq!((of("file").ino(), of("file").nlink()), (of("same").ino(), 2));
    assert_eq!(fs::read_link(data("link")).unwrap(), Path::new("nowhere/at/all"));
    assert!(of("pipe").file_type().is_fifo() && of("empty").is_dir());
    assert_eq!((mode(&data("sub")), mode(&data("sub/run")), of("sub/run").len()), (0o1770, 0o4755, 70_000));
    assert_eq!((of("sub").modified().unwrap(), of("sub/run").modified().unwrap()), (long_ago, long_ago));
    if is_root {
        assert_eq!((of("link").uid(), of("link").gid()), (7, 8));
        assert_eq!((of("sub").uid(), of("sub").gid()), (999, 998));
    }
}

#[test]
fn extended_attributes_arrive_where_there_are_any() {
    let scratch = Scratch::new("xattr");
    let set = rustix::fs::setxattr(scratch.image("file"), "user.note", b"kept", rustix::fs::XattrFlags::empty());
    scratch.seed();
    let mut value = [0; 16];
    let read = rustix::fs::getxattr(scratch.volume("data/file"), "user.note", &mut value);
    assert_eq!(read.is_ok(), set.is_ok(), "a file system has them or not");
    if let Ok(length) = read {
        assert_eq!(&value[..length], b"kept");
    }
}

#[test]
fn a_volume_that_holds_something_is_left_alone() {
    let scratch = Scratch::new("full");
    fs::create_dir(scratch.volume("data")).unwrap();
    fs::write(scratch.volume("data/mine"), "").unwrap();
    assert_eq!(scratch.seed(), Seeded::NotEmpty);
    assert!(!scratch.volume("data/file").exists());
}

#[test]
fn an_empty_volume_is_one_with_lost_and_found_at_most() {
    let scratch = Scratch::new("empty");
    fs::create_dir_all(scratch.volume("data/lost+found")).unwrap();
    assert_eq!(scratch.seed(), Seeded::Copied(3));
    assert_eq!(scratch.seed(), Seeded::NotEmpty);
}

#[test]
fn what_a_run_left_that_was_cut_short_is_removed() {
    let scratch = Scratch::new("cut");
    fs::create_dir_all(scratch.volume("data.seeding/half")).unwrap();
    assert_eq!(scratch.seed(), Seeded::Copied(3));
    assert!(!scratch.volume("data.seeding").exists() && !scratch.volume("data/half").exists());
}

#[test]
fn an_image_may_have_nothing_there() {
    let scratch = Scratch::new("nothing");
    let nothing = seed(&scratch.image("not/there"), &scratch.volume("data")).unwrap();
    assert_eq!(nothing, Seeded::NothingThere);
    assert_eq!(seed(&scratch.image("file"), &scratch.volume("data")).unwrap(), Seeded::NothingThere);
    assert!(!scratch.volume("data").exists());
    let error = seed(Path::new("/nothing"), Path::new("/")).unwrap_err();
    assert_eq!(error.to_string(), "/: expected the path of a directory inside of a volume");
}

#[test]
fn the_program_installs_itself() {
    let scratch = Scratch::new("install");
    let program = scratch.volume("program");
    install(&program).unwrap();
    assert_eq!(mode(&program), 0o755);
    assert_eq!(fs::metadata(&program).unwrap().len(), fs::metadata(std::env::current_exe().unwrap()).unwrap().len());
}
