create table items(id int primary key, name text, updated_at timestamptz default now());
insert into items(id, name) values (1, 'one'), (2, 'two'), (3, 'three');
commit;

