insert into items(id, name) values (9, 'late');
