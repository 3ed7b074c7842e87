//! Queries, against answers written out.

#[path = "common/bq.rs"]
mod bq;

use bq::{call, client, refused};
use flow_gcp_emulator::Emulator;
use gcp_bigquery_client::model::query_request::QueryRequest;
use gcp_bigquery_client::model::query_response::ResultSet;
use serde_json::{Value, json};

/// Orders with items, and customers.
async fn shop() -> Emulator {
    let emulator = Emulator::start().unwrap();
    let bigquery = emulator.bigquery();
    bigquery.create_dataset("p", "shop").unwrap();
    let orders = json!([
        {"name": "id", "type": "INT64", "mode": "REQUIRED"},
        {"name": "customer", "type": "STRING"},
        {"name": "total", "type": "FLOAT64"},
        {"name": "fee", "type": "NUMERIC"},
        {"name": "paid", "type": "BOOL"},
        {"name": "ts", "type": "TIMESTAMP"},
        {"name": "address", "type": "RECORD", "fields": [{"name": "city", "type": "STRING"},
            {"name": "geo", "type": "RECORD", "fields": [{"name": "lat", "type": "FLOAT64"}]}]},
        {"name": "items", "type": "RECORD", "mode": "REPEATED", "fields": [
            {"name": "sku", "type": "STRING"}, {"name": "price", "type": "FLOAT64"}, {"name": "fee", "type": "NUMERIC"}]},
        {"name": "tags", "type": "STRING", "mode": "REPEATED"},
        {"name": "extra", "type": "JSON"},
    ]);
    bigquery.create_table("p", "shop", "orders", orders).unwrap();
    let customers = json!([{"name": "customer", "type": "STRING"}, {"name": "since", "type": "DATE"}]);
    bigquery.create_table("p", "shop", "customers", customers).unwrap();
    let rows = json!({"rows": [
        {"json": {"id": 1, "customer": "ann", "total": 30.5, "fee": "0.1", "paid": true, "ts": "2026-01-01T10:30:00Z",
            "address": {"city": "Bonn", "geo": {"lat": 50.7}}, "tags": ["new", "gift"], "extra": "{\"a\": {\"b\": 5}}",
            "items": [{"sku": "x", "price": 10.25, "fee": "1.5"}, {"sku": "y", "price": 20.25, "fee": "2"}]}},
        {"json": {"id": 2, "customer": "bob", "total": 12, "fee": "0.2", "paid": false, "ts": "2026-01-01T23:59:59.5Z",
            "address": {"city": "Köln"}, "items": [{"sku": "x", "price": 12}]}},
        {"json": {"id": 3, "customer": "ann", "total": 7.5, "ts": "2026-02-28T00:00:00Z", "tags": ["gift"]}},
        {"json": {"id": 4}},
    ]});
    assert_eq!(
        call(&emulator, "POST", "datasets/shop/tables/orders/insertAll", rows).await.1["insertErrors"],
        Value::Null
    );
    let rows = json!({"rows": [{"json": {"customer": "ann", "since": "2020-05-01"}}, {"json": {"customer": "eve"}}]});
    assert_eq!(call(&emulator, "POST", "datasets/shop/tables/customers/insertAll", rows).await.0, 200);
    emulator
}

/// The rows of an answer, each a list of values.
fn answer(emulator: &Emulator, sql: &str) -> Result<Vec<Value>, String> {
    let rows = emulator.bigquery().query(sql).map_err(|error| error.to_string())?;
    let values = |row: &Value| row.as_object().unwrap().values().cloned().collect::<Value>();
    Ok(rows.iter().map(values).collect())
}

/// Names of columns are given in the order of the alphabet, so that values keep their places.
fn check(emulator: &Emulator, cases: &[(&str, Value)]) {
    for (sql, wanted) in cases {
        let found = answer(emulator, sql).map(Value::Array);
        assert_eq!(found, Ok(wanted.clone()), "{sql}");
    }
}

#[tokio::test]
async fn rows_are_chosen_ordered_and_cut() {
    let e = shop().await;
    check(
        &e,
        &[
            ("SELECT id FROM `p.shop.orders` ORDER BY id DESC LIMIT 2", json!([[4], [3]])),
            ("SELECT id FROM p.shop.orders ORDER BY total LIMIT 2 OFFSET 1", json!([[3], [2]])),
            ("SELECT id FROM `p`.`shop`.`orders` WHERE customer = 'ann' AND total > 8", json!([[1]])),
            (
                "SELECT id FROM p.shop.orders WHERE customer IN ('bob', 'eve') OR total IS NULL ORDER BY 1",
                json!([[2], [4]]),
            ),
            ("SELECT id FROM p.shop.orders WHERE NOT paid", json!([[2]])),
            (
                "SELECT id FROM p.shop.orders WHERE ts BETWEEN '2026-01-01' AND TIMESTAMP '2026-01-01 12:00:00' ",
                json!([[1]]),
            ),
            ("SELECT id FROM p.shop.orders WHERE address.city LIKE 'K_ln'", json!([[2]])),
            (
                "SELECT id AS a, o.address.geo.lat AS b FROM p.shop.orders o WHERE address.geo.lat > 50",
                json!([[1, 50.7]]),
            ),
            (
                "SELECT DISTINCT customer FROM p.shop.orders ORDER BY customer",
                json!([[null], ["ann"], ["bob"]]),
            ),
            ("SELECT * EXCEPT (since) FROM p.shop.customers ORDER BY customer", json!([["ann"], ["eve"]])),
            ("SELECT id FROM p.shop.orders WHERE fee > 0.15", json!([[2]])),
            ("SELECT 'x' || \"y\" AS a, 7 AS b", json!([["xy", 7]])),
        ],
    );
}

#[tokio::test]
async fn groups_are_counted_and_summed() {
    let e = shop().await;
    check(
        &e,
        &[
            (
                "SELECT customer AS a, COUNT(*) AS b, SUM(total) AS c, AVG(total) AS d FROM p.shop.orders \
             GROUP BY customer ORDER BY customer",
                json!([[null, 1, null, null], ["ann", 2, 38.0, 19.0], ["bob", 1, 12.0, 12.0]]),
            ),
            (
                "SELECT COUNT(total) AS a, COUNT(DISTINCT customer) AS b, COUNTIF(paid) AS c, MIN(ts) AS d, MAX(id) AS e \
             FROM p.shop.orders",
                json!([[3, 2, 1, "2026-01-01T10:30:00Z", 4]]),
            ),
            (
                "SELECT SUM(fee) AS a, MAX(fee) AS b, AVG(fee) AS c FROM p.shop.orders",
                json!([["0.3", "0.2", "0.15"]]),
            ),
            ("SELECT SUM(id) AS a, COUNT(*) AS b FROM p.shop.orders WHERE FALSE", json!([[null, 0]])),
            (
                "SELECT customer AS a, COUNT(*) AS n FROM p.shop.orders GROUP BY 1 HAVING n > 1 AND MAX(total) > 30",
                json!([["ann", 2]]),
            ),
            (
                "SELECT TIMESTAMP_TRUNC(ts, DAY) AS ts, COUNT(*) AS z FROM p.shop.orders WHERE ts IS NOT NULL GROUP BY ts ORDER BY ts",
                json!([["2026-01-01T00:00:00Z", 2], ["2026-02-28T00:00:00Z", 1]]),
            ),
            (
                "SELECT UPPER(customer) AS a, COUNT(*) + 1 AS b FROM p.shop.orders GROUP BY UPPER(customer) ORDER BY COUNT(*) DESC, a",
                json!([["ANN", 3], [null, 2], ["BOB", 2]]),
            ),
            (
                "SELECT STRING_AGG(customer, '-' ORDER BY id) AS a FROM p.shop.orders",
                json!([["ann-bob-ann"]]),
            ),
            (
                "SELECT ARRAY_AGG(customer IGNORE NULLS ORDER BY id DESC) AS a FROM p.shop.orders",
                json!([[["ann", "bob", "ann"]]]),
            ),
        ],
    );
}

#[tokio::test]
async fn tables_are_joined_and_nested() {
    let e = shop().await;
    check(
        &e,
        &[
            (
                "SELECT o.id AS a, c.since AS b FROM p.shop.orders AS o JOIN p.shop.customers AS c ON o.customer = c.customer ORDER BY id",
                json!([[1, "2020-05-01"], [3, "2020-05-01"]]),
            ),
            (
                "SELECT c.customer AS a, COUNT(o.id) AS n FROM p.shop.customers c LEFT JOIN p.shop.orders o USING (customer) \
             GROUP BY c.customer ORDER BY a",
                json!([["ann", 2], ["eve", 0]]),
            ),
            (
                "WITH big AS (SELECT * FROM p.shop.orders WHERE total > 10), n AS (SELECT COUNT(*) AS c FROM big) SELECT c FROM n",
                json!([[2]]),
            ),
            (
                "SELECT customer FROM p.shop.customers WHERE customer NOT IN (SELECT customer FROM p.shop.orders WHERE customer IS NOT NULL)",
                json!([["eve"]]),
            ),
            (
                "SELECT customer FROM p.shop.customers c WHERE EXISTS (SELECT 1 FROM p.shop.orders o WHERE o.customer = c.customer)",
                json!([["ann"]]),
            ),
            (
                "SELECT id FROM p.shop.orders WHERE total = (SELECT MAX(total) FROM p.shop.orders)",
                json!([[1]]),
            ),
            (
                "SELECT customer FROM p.shop.customers UNION DISTINCT SELECT customer FROM p.shop.orders ORDER BY customer DESC",
                json!([["eve"], ["bob"], ["ann"], [null]]),
            ),
            ("SELECT 1 AS a UNION ALL SELECT 2.5 ORDER BY a DESC", json!([[2.5], [1.0]])),
            ("SELECT a FROM (SELECT id + 1 AS a FROM p.shop.orders) WHERE a > 4", json!([[5]])),
        ],
    );
}

#[tokio::test]
async fn repeated_fields_are_unnested() {
    let e = shop().await;
    check(
        &e,
        &[
            (
                "SELECT id AS a, item.sku AS b, item.price AS c FROM p.shop.orders, UNNEST(items) AS item ORDER BY id, b",
                json!([[1, "x", 10.25], [1, "y", 20.25], [2, "x", 12.0]]),
            ),
            (
                "SELECT item.sku AS a, SUM(item.price) AS b FROM p.shop.orders o CROSS JOIN UNNEST(o.items) item GROUP BY item.sku ORDER BY a",
                json!([["x", 22.25], ["y", 20.25]]),
            ),
            ("SELECT SUM(i.fee) AS a FROM p.shop.orders, UNNEST(items) AS i", json!([["3.5"]])),
            (
                "SELECT id AS a, tag AS b FROM p.shop.orders LEFT JOIN UNNEST(tags) AS tag ORDER BY id, tag",
                json!([[1, "gift"], [1, "new"], [2, null], [3, "gift"], [4, null]]),
            ),
            ("SELECT id FROM p.shop.orders WHERE 'gift' IN UNNEST(tags) ORDER BY id", json!([[1], [3]])),
            (
                "SELECT id AS a, ARRAY_LENGTH(items) AS b FROM p.shop.orders ORDER BY id",
                json!([[1, 2], [2, 1], [3, 0], [4, 0]]),
            ),
            (
                "SELECT (SELECT SUM(price) FROM UNNEST(items)) AS a, (SELECT COUNT(*) FROM o.tags) AS b FROM p.shop.orders o WHERE id = 1",
                json!([[30.5, 2]]),
            ),
            (
                "SELECT items[OFFSET(1)].sku AS a, tags[SAFE_OFFSET(5)] AS b FROM p.shop.orders WHERE id = 1",
                json!([["y", null]]),
            ),
            (
                "SELECT pos AS a, tag AS b FROM p.shop.orders, UNNEST(tags) AS tag WITH OFFSET AS pos WHERE id = 1",
                json!([[0, "new"], [1, "gift"]]),
            ),
            ("SELECT x FROM UNNEST([3, 1, 2]) AS x ORDER BY x", json!([[1], [2], [3]])),
            (
                "SELECT ARRAY(SELECT sku FROM UNNEST(items) ORDER BY price DESC) AS a FROM p.shop.orders WHERE id = 1",
                json!([[["y", "x"]]]),
            ),
            (
                "SELECT STRUCT(id AS n, customer) AS a FROM p.shop.orders WHERE id = 2",
                json!([[{"n": 2, "customer": "bob"}]]),
            ),
        ],
    );
}

#[tokio::test]
async fn functions_compute_as_bigquerys_do() {
    let e = shop().await;
    check(
        &e,
        &[
            (
                "SELECT 7 / 2 AS a, DIV(7, 2) AS b, MOD(-7, 3) AS c, SAFE_DIVIDE(1, 0) AS d, -7 + 2 * 3 AS e",
                json!([[3.5, 3, -1, null, -1]]),
            ),
            (
                "SELECT ROUND(2.5) AS a, ROUND(-2.345, 2) AS b, FLOOR(1.7) AS c, CEIL(1.2) AS d, ABS(-3) AS e",
                json!([[3.0, -2.35, 1.0, 2.0, 3]]),
            ),
            (
                "SELECT CAST('12' AS INT64) AS a, SAFE_CAST('x' AS INT64) AS b, CAST(2.5 AS INT64) AS c, CAST(1.0 AS STRING) AS d",
                json!([[12, null, 3, "1"]]),
            ),
            (
                "SELECT CAST(TRUE AS STRING) AS a, CAST('1.10' AS NUMERIC) AS b, CAST(DATE '2026-01-31' AS STRING) AS c",
                json!([["true", "1.1", "2026-01-31"]]),
            ),
            (
                "SELECT CAST(TIMESTAMP '2026-01-31 01:02:03+01' AS STRING) AS a",
                json!([["2026-01-31 00:02:03+00"]]),
            ),
            (
                "SELECT IF(1 < 2, 'y', 'n') AS a, IFNULL(NULL, 3) AS b, COALESCE(NULL, NULL, 'z') AS c, NULLIF(1, 1) AS d",
                json!([["y", 3, "z", null]]),
            ),
            (
                "SELECT CASE WHEN FALSE THEN 1 ELSE 2.5 END AS a, CASE 3 WHEN 3 THEN 'three' END AS b",
                json!([[2.5, "three"]]),
            ),
            (
                "SELECT CONCAT('a', 'b') AS a, SUBSTR('abcde', -2) AS b, SUBSTR('abcde', 2, 2) AS c, UPPER('ä') AS d, LENGTH('äö') AS e",
                json!([["ab", "de", "bc", "Ä", 2]]),
            ),
            (
                "SELECT TRIM('  a ') AS a, REPLACE('aXa', 'X', '-') AS b, STARTS_WITH('abc', 'ab') AS c, SPLIT('a,b') AS d",
                json!([["a", "a-a", true, ["a", "b"]]]),
            ),
            (
                "SELECT DATE(ts) AS a, EXTRACT(HOUR FROM ts) AS b, EXTRACT(DAYOFWEEK FROM ts) AS c, FORMAT_TIMESTAMP('%Y/%m/%d %H:%M', ts) AS d FROM p.shop.orders WHERE id = 1",
                json!([["2026-01-01", 10, 5, "2026/01/01 10:30"]]),
            ),
            (
                "SELECT TIMESTAMP_TRUNC(ts, HOUR) AS a, DATE_TRUNC(DATE(ts), MONTH) AS b FROM p.shop.orders WHERE id = 2",
                json!([["2026-01-01T23:00:00Z", "2026-01-01"]]),
            ),
            (
                "SELECT TIMESTAMP_ADD(TIMESTAMP '2026-01-31 00:00:00', INTERVAL 90 MINUTE) AS a, DATE_ADD(DATE '2026-01-31', INTERVAL 1 MONTH) AS b, DATE_DIFF(DATE '2026-03-01', DATE '2026-02-01', DAY) AS c",
                json!([["2026-01-31T01:30:00Z", "2026-02-28", 28]]),
            ),
            (
                "SELECT UNIX_SECONDS(TIMESTAMP '1970-01-01 00:01:00') AS a, TIMESTAMP_MILLIS(1500) AS b",
                json!([[60, "1970-01-01T00:00:01.5Z"]]),
            ),
            (
                "SELECT JSON_VALUE(extra, '$.a.b') AS a, JSON_QUERY(extra, '$.a') AS b FROM p.shop.orders WHERE id = 1",
                json!([["5", {"b": 5}]]),
            ),
            ("SELECT GREATEST(1, 3, 2) AS a, LEAST(1.5, 1) AS b", json!([[3, 1.0]])),
            (
                "SELECT CAST(0.1 AS NUMERIC) + CAST(0.2 AS NUMERIC) AS a, NUMERIC '10' / NUMERIC '4' AS b",
                json!([["0.3", "2.5"]]),
            ),
        ],
    );
}

#[tokio::test]
async fn what_is_wrong_or_unknown_is_refused_and_never_guessed() {
    let e = shop().await;
    for (sql, wanted) in [
        ("SELEC 1", "Syntax error"),
        ("SELECT nope FROM p.shop.orders", "Unrecognized name: nope"),
        ("SELECT id FROM p.shop.nope", "Not found: Table p:shop.nope"),
        ("SELECT id FROM orders", "must be qualified with a dataset"),
        ("SELECT customer, COUNT(*) AS n FROM p.shop.orders", "neither grouped nor aggregated"),
        (
            "SELECT total, COUNT(*) AS n FROM p.shop.orders GROUP BY customer",
            "neither grouped nor aggregated",
        ),
        ("SELECT * FROM p.shop.orders GROUP BY id", "neither grouped nor aggregated"),
        ("SELECT id FROM p.shop.orders WHERE COUNT(*) > 1", "not allowed in WHERE"),
        ("SELECT SUM(MAX(id)) AS n FROM p.shop.orders", "not allowed within another aggregate"),
        ("SELECT customer FROM p.shop.orders, p.shop.customers", "ambiguous"),
        ("SELECT id FROM p.shop.orders WHERE customer = 1", "No matching signature"),
        ("SELECT id FROM p.shop.orders WHERE id", "WHERE expects BOOL"),
        ("SELECT id FROM p.shop.orders ORDER BY address", "ORDER BY does not support"),
        ("SELECT address.street FROM p.shop.orders", "Field name street does not exist"),
        ("SELECT id, id FROM p.shop.orders", "Duplicate column names"),
        ("SELECT 1 / 0 AS a", "division by zero"),
        ("SELECT 9223372036854775807 + 1 AS a", "int64 overflow"),
        ("SELECT CAST('x' AS INT64) AS a", "Bad int64 value: x"),
        ("SELECT (SELECT id FROM p.shop.orders) AS a", "more than one element"),
        (
            "SELECT ROW_NUMBER() OVER (ORDER BY id) AS a FROM p.shop.orders",
            "does not understand the window function",
        ),
        ("SELECT SOUNDEX(customer) AS a FROM p.shop.orders", "does not understand the function SOUNDEX"),
        ("SELECT DATE(ts, 'Europe/Berlin') AS a FROM p.shop.orders", "time zones"),
        ("DELETE FROM p.shop.orders WHERE TRUE", "does not understand statements"),
        ("SELECT 1 AS a; SELECT 2 AS a", "does not understand statements"),
        ("SELECT 1 AS a INTERSECT DISTINCT SELECT 'x'", "No matching signature"),
        ("SELECT ARRAY_AGG(customer) AS a FROM p.shop.orders", "null element"),
        ("SELECT id FROM p.shop.orders QUALIFY TRUE", "does not understand"),
        (
            "SELECT id AS n FROM p.shop.orders ORDER BY n + COUNT(*)",
            "does not understand an aggregate beside an alias",
        ),
        (
            "SELECT (SELECT MAX(o.id) FROM UNNEST([1]) AS x) AS a FROM p.shop.orders AS o",
            "columns of an outer query alone",
        ),
    ] {
        let found = answer(&e, sql);
        let text = found.clone().err().unwrap_or_default();
        assert!(text.contains(wanted), "{sql}: {found:?}, wanted: {wanted}");
    }
}

#[tokio::test]
async fn the_client_gets_typed_results_by_pages() {
    let emulator = shop().await;
    let client = client(&emulator).await;
    let sql = "SELECT id, total, ts, paid, COUNT(*) AS n, [1, 2] AS list FROM shop.orders GROUP BY id, total, ts, paid ORDER BY id";
    let mut request = QueryRequest::new(sql);
    request.max_results = Some(3);
    let response = client.job().query("p", request).await.unwrap();
    let schema = response.schema.clone().unwrap().fields.unwrap();
    let schema = serde_json::to_value(schema).unwrap();
    let types: Vec<_> =
        schema.as_array().unwrap().iter().map(|f| (f["type"].clone(), f["mode"].clone())).collect();
    let of = |ty: &str, mode: &str| (json!(ty), json!(mode));
    assert_eq!(
        types,
        [
            of("INTEGER", "NULLABLE"),
            of("FLOAT", "NULLABLE"),
            of("TIMESTAMP", "NULLABLE"),
            of("BOOLEAN", "NULLABLE"),
            of("INTEGER", "NULLABLE"),
            of("INTEGER", "REPEATED"),
        ]
    );
    assert_eq!((response.total_rows.as_deref(), response.page_token.as_deref()), (Some("4"), Some("3")));
    let job = response.job_reference.clone().unwrap().job_id.unwrap();
    let mut rows = ResultSet::new_from_query_response(response);
    assert!(rows.next_row());
    assert_eq!(rows.get_i64_by_name("id").unwrap(), Some(1));
    assert_eq!(rows.get_f64_by_name("ts").unwrap(), Some(1_767_263_400.0));
    assert_eq!(rows.get_bool_by_name("paid").unwrap(), Some(true));
    let (_, rest) = call(&emulator, "GET", &format!("queries/{job}?pageToken=3"), Value::Null).await;
    assert_eq!(rest["rows"][0]["f"][0], json!({"v": "4"}));
    assert_eq!(rest["pageToken"], Value::Null);

    let wrong = client.job().query("p", QueryRequest::new("SELECT nope FROM shop.orders")).await;
    assert_eq!(refused(wrong), (400, "invalidQuery".into()));
    let empty =
        client.job().query("p", QueryRequest::new("SELECT fee FROM shop.orders WHERE FALSE")).await.unwrap();
    assert_eq!(serde_json::to_value(empty.schema).unwrap()["fields"][0]["type"], "NUMERIC");
}

#[tokio::test]
async fn a_query_takes_named_parameters() {
    let emulator = shop().await;
    let parameter = |name: &str, ty: &str, value: &str| json!({"name": name, "parameterType": {"type": ty}, "parameterValue": {"value": value}});
    let body = json!({
        "query": "SELECT id FROM orders WHERE customer = @who AND ts < @before",
        "useLegacySql": false,
        "defaultDataset": {"datasetId": "shop"},
        "parameterMode": "NAMED",
        "queryParameters": [parameter("who", "STRING", "ann"), parameter("before", "TIMESTAMP", "2026-02-01")],
    });
    let (_, answer) = call(&emulator, "POST", "queries", body).await;
    assert_eq!(answer["rows"], json!([{"f": [{"v": "1"}]}]));
}
