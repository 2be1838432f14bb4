//! Ways in: passwords, tokens, databases, settings of the startup message.

use flowforge::base::{TenantId, UserName};
use tokio_postgres::NoTls;

use crate::support::{TestServer, value};

fn code(error: &tokio_postgres::Error) -> String {
    error.code().map(|code| code.code().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_password_and_brings_its_tenant() {
    let server = TestServer::start().await;
    let (tenant, user) = (TenantId::new("globex").unwrap(), UserName::new("globex").unwrap());
    let token = server.server.mint_token(&tenant, &user, 60).unwrap();
    let client = server.try_connect("token", &token).await.unwrap();
    assert_eq!(value(&client, "SELECT current_user").await, "globex");
    assert_eq!(value(&client, "SELECT count(DISTINCT symbol) FROM raw_trades WHERE symbol = 'TSLA'").await, "1");
    assert_eq!(value(&client, "SELECT count(*) FROM raw_trades WHERE symbol = 'AAPL'").await, "0");

    let forged = format!("{}x", &token[..token.len() - 1]);
    for bad in [forged.as_str(), "", "a.b.c", "token"] {
        let error = server.try_connect("token", bad).await.err().unwrap();
        assert!(code(&error).starts_with("28"), "{bad}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_startup_message_names_database_and_settings() {
    let server = TestServer::start().await;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(server.pg().port()).user("acme").password("acme").dbname("flowforge");
    config.application_name("a test").options("-c statement_timeout=5s -c TimeZone=Europe/Berlin");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(value(&client, "SHOW application_name").await, "a test");
    assert_eq!(value(&client, "SHOW statement_timeout").await, "5s");
    assert_eq!(value(&client, "SHOW TimeZone").await, "Europe/Berlin");

    let unknown = config.clone().dbname("other").connect(NoTls).await.err().unwrap();
    assert_eq!(code(&unknown), "3D000");
    let refused = config.clone().options("-c no_such_setting=1").connect(NoTls).await.err().unwrap();
    assert_eq!(code(&refused), "42704");
}
