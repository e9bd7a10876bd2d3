insert into items(id, name) values (4, 'four');
commit;
