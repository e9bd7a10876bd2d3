insert into items(id, name) values (2, 'new');
commit;
