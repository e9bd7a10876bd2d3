insert into items(id, name) values (5, 'five');
commit;
