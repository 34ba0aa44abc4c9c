use std::fs;

use trainyard_contract::ErrorKind;

use super::{areas::bring_to, *};

const ONE: &[Area] =
    &[Area { name: "things", steps: &["CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT"] }];
const TWO: &[Area] = &[
    Area {
        name: "things",
        steps: &[
            "CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT",
            "ALTER TABLE things ADD COLUMN more TEXT",
        ],
    },
    Area { name: "others", steps: &["CREATE TABLE others (id INTEGER PRIMARY KEY) STRICT"] },
];

fn database() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::of(folder.path());
    database
        .write_here(|transaction| Ok(transaction.execute_batch("CREATE TABLE words (word TEXT NOT NULL) STRICT")?))
        .unwrap();
    (folder, database)
}

fn count(database: &Database) -> i64 {
    database
        .read_here(|transaction| Ok(transaction.query_row("SELECT count(*) FROM words", (), |row| row.get(0))?))
        .unwrap()
}

#[test]
fn nothing_exists_before_the_first_question() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::of(&folder.path().join("state"));
    assert!(!folder.path().join("state").exists());
    database.read_here(|_| Ok(())).unwrap();
    assert!(database.path().exists());
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let (_folder, database) = database();
    let refused = database.write_here(|transaction| {
        transaction.execute("INSERT INTO words VALUES ('half')", ())?;
        Err::<(), _>(Error::validation("no").into())
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Validation);
    assert_eq!(count(&database), 0);
}

#[test]
fn tables_follow_their_areas_and_a_newer_file_is_left_alone() {
    let mut connection = Connection::open_in_memory().unwrap();
    bring_to(&mut connection, ONE).unwrap();
    connection.execute("INSERT INTO things (word) VALUES ('kept')", ()).unwrap();
    bring_to(&mut connection, TWO).unwrap();
    bring_to(&mut connection, TWO).unwrap();
    let (word, more): (String, Option<String>) =
        connection.query_row("SELECT word, more FROM things", (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((word.as_str(), more), ("kept", None));
    let newer = bring_to(&mut connection, ONE).unwrap_err();
    assert!(matches!(newer, Failure::Refused(error) if error.code_str() == "NewerStore"));
}

#[test]
fn a_full_disk_is_named_and_leaves_the_database_sound() {
    let (_folder, database) = database();
    // SQLite itself says that there is no more room, as it does when the disk says so.
    let fill = |transaction: &Transaction<'_>| {
        transaction.execute_batch("PRAGMA max_page_count = 8")?;
        for _ in 0..64 {
            transaction.execute("INSERT INTO words VALUES (hex(zeroblob(4096)))", ())?;
        }
        Ok(())
    };
    let error = database.write_here(fill).unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Capacity, "DiskFull"), "{error}");
    assert_eq!(count(&database), 0);
    database.write_here(|transaction| Ok(transaction.execute("INSERT INTO words VALUES ('fits')", ())?)).unwrap();
    assert_eq!(count(&database), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_below_a_file_is_named() {
    use std::io::Write;
    let path = Path::new("/dev/full");
    let error = fs::OpenOptions::new().write(true).open(path).unwrap().write_all(b"x").unwrap_err();
    assert_eq!(file_error(&error, path).code_str(), "DiskFull");
}

#[test]
fn a_file_that_is_no_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::of(folder.path());
    make_folder(database.path().parent().unwrap()).unwrap();
    let text = "not a database, but somebody's only copy of it".repeat(100);
    fs::write(database.path(), &text).unwrap();
    assert_eq!(database.read_here(|_| Ok(())).unwrap_err().code_str(), "StoreDamaged");
    assert_eq!(fs::read_to_string(database.path()).unwrap(), text);
}

#[test]
fn eight_that_open_and_count_at_once_miss_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let make = "CREATE TABLE IF NOT EXISTS versions (number INTEGER NOT NULL UNIQUE) STRICT";
    let next = "INSERT INTO versions SELECT coalesce(max(number), 0) + 1 FROM versions";
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // A connection of its own each, as separate processes have.
                let database = Database::of(&path);
                database.write_here(|transaction| Ok(transaction.execute_batch(make)?)).unwrap();
                for _ in 0..25 {
                    database.write_here(|transaction| Ok(transaction.execute(next, ())?)).unwrap();
                }
            });
        }
    });
    let ask = |transaction: &Transaction<'_>| {
        Ok(transaction
            .query_row("SELECT count(*), max(number) FROM versions", (), |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    let found: (i64, i64) = Database::of(&path).read_here(ask).unwrap();
    assert_eq!(found, (200, 200));
}
