-- A city library: twenty tables in two schemas with views, enums, domains, arrays, partitions, generated, tsvector and
-- quoted columns, as other people's databases have them.
create schema archive;
create type media as enum ('book', 'film', 'map', 'Score, sheet');
create type rating as enum ('G', 'PG', 'PG-13', 'R', 'NC-17');
create domain year as integer check (value between 1400 and 2200);
create domain isbn as varchar(17);
create type place as (shelf text, level int);

create table branches (branch_id serial primary key, name text not null, opened date, hours int4range, site point, phone text[]);
create table staff (staff_id smallserial primary key, branch_id int references branches, name varchar(80), email text unique,
    password_hash bytea, active boolean default true, salary money, last_update timestamp default '2024-05-01 10:00:00.123456');
create table authors (author_id int primary key, first_name text, last_name text, born date, died date);
create table publishers (publisher_id uuid primary key, name text, founded year, address jsonb);
create table languages (language_id smallint primary key, name char(20) not null);
create table genres (genre_id int primary key, name text, parent int references genres);
create table titles (title_id int primary key, title text not null, description text, published year, isbn isbn, kind media,
    publisher_id uuid references publishers, language_id smallint references languages, rating rating default 'G',
    price numeric(8,2), weight real, score double precision, pages smallint, features text[], prices numeric(8,2)[],
    matrix int[][], full_text tsvector, extra json, length interval, loan_share numeric, price_taxed numeric(10,2)
    generated always as (price * 1.21) stored, last_update timestamptz default '2024-05-01 10:00:00.123456+02');
create table title_authors (title_id int references titles, author_id int references authors, primary key (title_id, author_id));
create table title_genres (title_id int, genre_id int, last_update timestamptz, primary key (title_id, genre_id));
create table copies (copy_id bigint generated always as identity primary key, title_id int references titles, branch_id int,
    place place, code bit(8), bought timestamptz);
create table members (member_id bigint primary key, "First Name" text, "e-mail" text, born date, address inet, mac macaddr,
    joined timestamptz, notes text, tags text[]);
create table loans (loan_id bigint, copy_id bigint, member_id bigint, lent timestamptz not null, returned timestamptz,
    fee numeric(6,2), primary key (loan_id, lent)) partition by range (lent);
create table loans_2024 partition of loans for values from ('2024-01-01') to ('2025-01-01');
create table loans_2025 partition of loans for values from ('2025-01-01') to ('2026-01-01') partition by hash (loan_id);
create table loans_2025_a partition of loans_2025 for values with (modulus 2, remainder 0);
create table loans_2025_b partition of loans_2025 for values with (modulus 2, remainder 1);
create table reservations (title_id int, member_id bigint, made timestamptz, until date, note text);
create table fines (fine_id int primary key, member_id bigint, amount numeric(38,10), huge numeric(60,20), paid boolean);
create table events (event_id int primary key, name text, starts time, ends timetz, during tstzrange, days date[], flags boolean[]);
create table visits (branch_id int, day date, people int, primary key (branch_id, day));
create table "Order Items" ("Id" int primary key, "Unit.Price" numeric(10,4), "select" text, "naïve" text);
create table empty_table (id int primary key, v text);
create table archive.titles (title_id int primary key, title text, removed timestamptz);
create table archive.log (at timestamptz, line text, who name, kind "char", ref oid);
create view overdue_loans as select * from loans where returned is null;
create view title_list as select t.title_id, t.title, array_agg(a.last_name) as authors from titles t
    left join title_authors ta using (title_id) left join authors a using (author_id) group by 1, 2;

insert into branches select n, 'Branch ' || n, date '1900-01-01' + n * 100, int4range(8, 17 + n % 4), point(n, -n), array['+31 ' || n, null]
    from generate_series(1, 12) n;
insert into staff select n, 1 + n % 12, 'Staff ' || n, 's' || n || '@library.example', decode(md5(n::text), 'hex'), n % 7 <> 0, n * 1000.5
    from generate_series(1, 40) n;
insert into authors select n, 'First ' || n, E'Last\t''"\\ ' || n, date '0044-03-15 BC' + n * 3000, null from generate_series(1, 200) n;
insert into publishers select md5(n::text)::uuid, 'Publisher ' || n, 1500 + n, jsonb_build_object('city', 'São Paulo', 'n', n, 'x', null)
    from generate_series(1, 20) n;
insert into languages values (1, 'Dutch'), (2, 'Português'), (3, '日本語');
insert into genres select n, 'Genre ' || n, nullif(n / 2, 0) from generate_series(1, 30) n;
insert into titles (title_id, title, description, published, isbn, kind, publisher_id, language_id, rating, price, weight, score, pages,
    features, prices, matrix, full_text, extra, length, loan_share)
    select n, 'Title ' || n, repeat('Ünïcode 🙂 ', n % 40), 1450 + n % 570, '978-' || n, (array['book', 'film', 'map', 'Score, sheet']::media[])[1 + n % 4],
    md5((1 + n % 20)::text)::uuid, 1 + n % 3, (enum_range(null::rating))[1 + n % 5], n / 7.0, n / 8.0, n * 1e10, n % 900,
    case when n % 5 > 0 then array['a', null, 'b,c', '"q"', ''] end, array[n / 3.0, null], array[[n, 2], [3, 4]],
    to_tsvector('simple', 'title number ' || n), ('{"b":1,  "a":' || n || ', "a":2}')::json, make_interval(months => n, secs => n / 3.0), n / 3.0
    from generate_series(1, 1000) n;
insert into titles (title_id, title, matrix) values (2001, 'nothing else', null);
insert into title_authors select n, 1 + n % 200 from generate_series(1, 1000) n;
insert into title_genres select n, 1 + n % 30, '2024-02-29 23:59:59.999999+00' from generate_series(1, 1000) n;
insert into copies (title_id, branch_id, place, code, bought) select 1 + n % 1000, n % 12, row('A,' || n, n)::place, (n % 256)::bit(8),
    timestamptz '2020-01-01' + n * interval '1 hour 1 microsecond' from generate_series(1, 3000) n;
insert into members select n, 'Member ' || n, 'm' || n || '@example.org', date '1950-01-01' + n, ('10.0.' || n % 250 || '.1')::inet,
    '08:00:2b:01:02:03', timestamptz '2019-01-01' + n * interval '1 day', E'line one\nline two', array['x', 'y'] from generate_series(1, 500) n;
insert into loans select n, 1 + n % 3000, 1 + n % 500, timestamptz '2024-01-01' + n * interval '90 minutes',
    case when n % 9 > 0 then timestamptz '2024-02-01' + n * interval '90 minutes' end, n / 100.0 from generate_series(1, 9000) n;
insert into reservations select 1 + n % 1000, 1 + n % 500, timestamptz '2025-01-01' + n * interval '1 minute', '2025-06-01', null from generate_series(1, 300) n;
insert into fines select n, n, 1234567890123456789012345678.0123456789, 12345678901234567890123456789012345678.01234567890123456789, n % 2 = 0
    from generate_series(1, 50) n;
insert into events select n, 'Event ' || n, time '23:59:59.999999', timetz '24:00:00-03', tstzrange('2025-01-01', '2025-01-02'),
    array[date '2025-01-01', null], array[true, null, false] from generate_series(1, 20) n;
insert into visits select 1 + n % 12, date '2024-01-01' + n, n from generate_series(1, 700) n;
insert into "Order Items" select n, n / 7.0, 'reserved', 'word' from generate_series(1, 25) n;
insert into archive.titles select n, 'Old ' || n, '1999-12-31 23:59:59+00' from generate_series(1, 15) n;
insert into archive.log select timestamptz '2001-01-01' + n * interval '1 second', 'line ' || n, 'postgres', 'x', 4294967295 from generate_series(1, 100) n;
