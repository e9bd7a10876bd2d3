{#-
  Nested JSON as columns and rows: docs/documents.md. The SQL is that of Spark 3.5 and 4, and needs nothing but `exceptions` around
  it, so that a job outside dbt can have it rendered too.

  Spark's own reader of JSON bends what it reads as text: 1.10 becomes 1.1, a long decimal loses digits, 1e400 is "Infinity", and
  the text "[1]" looks like the array [1]. So each text gets `=` put before it, and each number, true and false becomes a text with
  `#` before it: {"a": "x", "b": 1.10} is read as {"=a": "=x", "=b": "#1.10"}. What a value is then shows in its first sign.
-#}

{#-
  Query: one row per row of `relation`, with `keep`, a column for each field, `_unknown_fields` and `_flags`.

  A field is {'path': 'score.origin.ip', 'type': 'string', 'name': 'ip_addresses'}. The path is a list where a name has a dot in it,
  [] is the document itself; the name is by default the path joined by `_`. Types: string, boolean, tinyint, smallint, int, bigint,
  float, double, decimal(p,s), date, timestamp; `json`: the value as JSON text; `kind`: object, array, string, number, boolean or
  null, and no value where the document has no such field.

  Args:
      relation: a relation or CTE.
      fields: list of fields.
      keep: columns of `relation` that are handed on.
      text: its column with the JSON text.
      flags: its column of flags, JSON of column to text; none if it has none. What does not fit its type is null and stands there.
      besides: paths that are known and read elsewhere: arrays, mostly.

  Raises: a compiler error for a field that is not understood, and for two that would have one name.
-#}
{% macro flattened_documents(relation, fields, keep=[], text='_document', flags='_flags', besides=[]) -%}
    {%- set nodes, columns, names, held, apart = {}, [], {}, [], [] -%}
    {%- for name in keep + [text, '_unknown_fields', '_flags'] -%}
        {%- do names.update({name | lower: 'the column ' ~ name}) -%}
    {%- endfor -%}
    {%- for path in besides -%}
        {%- do apart.append((path.split('.') if path is string else path) | string) -%}
    {%- endfor -%}
    {%- for field in fields -%}
        {{- document_field_check(field) -}}
        {%- set path = field.path.split('.') if field.path is string else field.path -%}
        {%- set name = field.name or path | join('_') -%}
        {%- set said = 'the field ' ~ (field.path if field.path is string else field.path | string) -%}
        {%- if name | lower in names -%}
            {{- exceptions.raise_compiler_error(
                'flattened_documents: ' ~ names[name | lower] ~ ' and ' ~ said ~ ' would both be the column ' ~ name
                ~ ". Give one of them another 'name'."
            ) -}}
        {%- endif -%}
        {%- do names.update({name | lower: said}) -%}
        {%- if field.type | lower != 'kind' -%} {%- do held.append(path | string) -%} {%- endif -%}
        {%- do columns.append({'path': path, 'type': field.type | lower, 'name': name, 'number': loop.index0}) -%}
    {%- endfor -%}
    {#- The objects that the fields are in: all that leads to them. -#}
    {%- set paths = columns | map(attribute='path') | list -%}
    {%- for path in besides -%} {%- do paths.append(path.split('.') if path is string else path) -%} {%- endfor -%}
    {%- for path in paths -%}
        {%- for step in path -%}
            {%- set above = path[:loop.index0] -%}
            {%- if above | string not in nodes -%}
                {%- do nodes.update({above | string: {'path': above, 'number': nodes | length, 'children': []}}) -%}
            {%- endif -%}
            {%- set children = nodes[above | string].children -%}
            {%- if step not in children -%} {%- do children.append(step) -%} {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set depths = [0] -%}
    {%- for node in nodes.values() -%} {%- do depths.append(node.path | length + 1) -%} {%- endfor -%}
    {%- set depth = depths | max -%}
    select
        {%- for name in keep %}
        {{ document_name(name) }},
        {%- endfor %}
        {%- for column in columns %}
        __v{{ column.number }} as {{ document_name(column.name) }},
        {%- endfor %}
        {{ document_unknown(nodes) }} as _unknown_fields,
        {{ document_flags(flags) }}
            {{ document_flag_of_text(text) }}
            {%- for node in nodes.values() -%} {{ document_flags_of_object(node, text, held, apart) }} {%- endfor -%}
            {%- for column in columns if column.type not in ['json', 'kind'] -%},
            {%- set odd = '__v' ~ column.number ~ ' is null' -%}
            {%- if column.path | string in nodes -%} {%- set odd = odd ~ ' and left(__c' ~ column.number ~ ", 1) <> '{'" -%} {%- endif -%}
            {%- if column.path | string in apart -%} {%- set odd = odd ~ ' and left(__c' ~ column.number ~ ", 1) <> '['" -%} {%- endif %}
            {{ document_flag(column.name, '__c' ~ column.number, odd) }}
            {%- endfor %}
        {{ document_flags_end() }} as _flags
    from (
    select *
        {%- for column in columns %},
        {{ document_value(column, nodes) }} as __v{{ column.number }}
        {%- endfor %}
    from (
    select *
        {%- for column in columns %}
        {%- set raw = document_lookup(column.path, nodes) %},
        {{ raw }} as __c{{ column.number }}
        {%- if column.type not in ['json', 'kind'] %},
        {{ document_bare(raw, column.type) }} as __s{{ column.number }}
        {%- endif %}
        {%- endfor %}
    from (
    {{ document_objects(nodes, depth) }}
    {{ document_roots(relation, text) }}
    {{ ')' * (3 + depth) }}
{%- endmacro %}


{#-
  Query: one row per element of an array, with `keep`, the element as JSON text, its position from 0, and `_flags`. A row whose
  array is empty, null or not there stays, with neither element nor position; so does one that has something else there, which
  stands in `_flags`. For an array in the elements, the macro goes over its own rows: text='_element', and other names.

  Args: as of flattened_documents; path: of the array, [] where the text is the array; element, position: names of the new columns.
-#}
{% macro array_elements(relation, path, keep=[], text='_document', flags='_flags', element='_element', position='_position') -%}
    {%- set steps = path.split('.') if path is string else path -%}
    {%- set names = {} -%}
    {%- for name in keep + [element, position, '_flags'] -%}
        {%- if name | lower in names -%}
            {{- exceptions.raise_compiler_error('array_elements: two columns would be called ' ~ name ~ '. Take it out of keep, or give element or position another name.') -}}
        {%- endif -%}
        {%- do names.update({name | lower: name}) -%}
    {%- endfor -%}
    {%- set nodes = {} -%}
    {%- for step in steps -%}
        {%- do nodes.update({steps[:loop.index0] | string: {'path': steps[:loop.index0], 'number': loop.index0, 'children': [step]}}) -%}
    {%- endfor -%}
    select
        {%- for name in keep %}
        {{ document_name(name) }},
        {%- endfor %}
        case when __position is null then null when __one is null then 'null' else {{ document_as_json('__one') }} end as {{ document_name(element) }},
        __position as {{ document_name(position) }},
        {{ document_flags(flags) }}
            {{ document_flag_of_text(text) }}
            {%- for node in nodes.values() -%} {{ document_flags_of_object(node, text, [], []) }} {%- endfor -%},
            {{ document_flag(([text] + steps) | join('.'), '__array', "left(__array, 1) <> '['") }}
        {{ document_flags_end() }} as _flags
    from (
    select *
    from (
    {%- set array = document_lookup(steps, nodes) %}
    select
        *,
        {{ array }} as __array,
        case when left({{ array }}, 1) = '[' then from_json({{ array }}, 'array<string>', {{ document_options() }}) end as __elements
    from (
    {{ document_objects(nodes, steps | length) }}
    {{ document_roots(relation, text) }}
    {{ ')' * (2 + steps | length) }}
    lateral view outer posexplode(__elements) __exploded as __position, __one
    )
{%- endmacro %}


{#- The levels of objects, each read out of the one above: `__r1` is an object's text, `__o1` its fields. -#}
{% macro document_objects(nodes, depth) -%}
    {%- for level in range(depth) | reverse %}
    select *
        {%- for node in nodes.values() if node.path | length == level %}
        {%- set raw = document_lookup(node.path, nodes) %},
        {{ raw }} as __r{{ node.number }},
        case when left({{ raw }}, 1) = '{' then {{ document_object(raw) }} end as __o{{ node.number }}
        {%- endfor %}
    from (
    {%- endfor %}
{%- endmacro %}


{#- Query: `relation` with its texts read, as `__root`: the value with its signs; null is 'null', and what is no JSON is null. -#}
{% macro document_roots(relation, text) -%}
    select
        *,
        {#- What is behind the value's end, or a second one, moves the `$`. A number for a name would be JSON with its sign. -#}
        try_element_at(transform(
            {#- What stands behind the last number begins with no match of its own: \G, or a number in a text would be taken for one. #}
            array(from_json(concat('[', regexp_replace(
                regexp_replace({{ document_name(text) }}, r'"((?s:[^"\\]++|\\.)*+)"', '"=$1"'),
                r'\G((?s:[^"0-9tf-]++|"(?:[^"\\]++|\\.)*+")*+)(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false)',
                '$1"#$2"'
            ), ',"$"]'), 'array<string>', {{ document_options() }})),
            __p -> case
                when size(__p) = 2 and try_element_at(__p, 2) = '$' and not coalesce(try_element_at(__p, 1), '') rlike r'(?<!\\)"#[^"\\]*":'
                    then coalesce(try_element_at(__p, 1), 'null')
            end
        ), 1) as __root
    from {{ relation }}
{%- endmacro %}


{#- What Spark would take for JSON, and no other reader does. -#}
{% macro document_options() -%}
    map('allowNonNumericNumbers', 'false', 'allowSingleQuotes', 'false')
{%- endmacro %}


{#-
  The fields of an object. Of a name that stands twice in it the last value counts, as everywhere; `!` then says which ones do.
-#}
{% macro document_object(raw) -%}
    try_element_at(transform(array(from_json({{ raw }}, 'map<string,string>', {{ document_options() }})), __m -> case
        when size(array_distinct(map_keys(__m))) < size(__m) then map_from_entries(concat(
            filter(map_entries(__m), (__e, __i) -> array_position(reverse(map_keys(__m)), __e.key) = size(__m) - __i),
            array(struct('!' as key, array_join(array_distinct(filter(map_keys(__m), (__k, __i) -> array_position(map_keys(__m), __k) <= __i)), ', ') as value))
        ))
        else __m end), 1)
{%- endmacro %}


{% macro document_lookup(path, nodes) -%}
    {%- if path -%}
        __o{{ nodes[path[:-1] | string].number }}[{{ document_literal('=' ~ path[-1]) }}]
    {%- else -%}
        nullif(__root, 'null')
    {%- endif -%}
{%- endmacro %}


{#-
  The text of a scalar as its column's type wants it, also of one that extended JSON has in an object: {"$oid": "…"},
  {"$numberLong": "…"}, {"$date": {"$numberLong": "…"}}.
-#}
{% macro document_bare(raw, type) -%}
    {%- set wrappers = 'oid|uuid|symbol|number(?:Int|Long|Double|Decimal)' if type == 'string'
        else 'date' if type in ['date', 'timestamp'] else 'number(?:Int|Long|Double|Decimal)' -%}
    case left({{ raw }}, 1)
        when '=' then substring({{ raw }}, 2)
        when '#' then substring({{ raw }}, 2)
        {%- if type != 'boolean' %}
        when '{' then nullif(regexp_extract({{ raw }}, r'^\{"=\$(?:{{ wrappers }})":(?:\{"=\$numberLong":)?"[=#]([^"\\]+)"\}?\}$', 1), '')
        {%- endif %}
    end
{%- endmacro %}


{#- A value in its type; null if it does not fit. -#}
{% macro document_value(column, nodes) -%}
    {%- set raw, said, type = '__c' ~ column.number, '__s' ~ column.number, column.type -%}
    {%- set millis = "left(" ~ raw ~ ", 1) = '{' and " ~ said ~ " rlike '^-?[0-9]{1,15}$'" -%}
    {%- set there = 'map_contains_key(__o' ~ nodes[column.path[:-1] | string].number ~ ', ' ~ document_literal('=' ~ column.path[-1]) ~ ')'
        if column.path else '__root is not null' -%}
    {%- if type == 'kind' -%}
        case
            when not coalesce({{ there }}, false) then null
            when {{ raw }} is null then 'null'
            when {{ raw }} in ('#true', '#false') then 'boolean'
            else case left({{ raw }}, 1) when '{' then 'object' when '[' then 'array' when '=' then 'string' else 'number' end
        end
    {%- elif type == 'json' -%}
        case when not coalesce({{ there }}, false) then null when {{ raw }} is null then 'null' else {{ document_as_json(raw) }} end
    {%- elif type == 'string' -%}
        {{ said }}
    {%- elif type == 'boolean' -%}
        case {{ said }} when 'true' then true when 'false' then false end
    {%- elif type in ['tinyint', 'smallint', 'int', 'bigint'] -%}
        case when {{ said }} rlike '^-?(?:0|[1-9][0-9]*)(?:[.]0+)?$' then try_cast(substring_index({{ said }}, '.', 1) as {{ type }}) end
    {%- elif type.startswith('decimal') -%}
        {%- set scale = type.split(',')[1].rstrip(') ') | int if ',' in type else 0 -%}
        case when {{ said }} rlike '^-?(?:0|[1-9][0-9]*)(?:[.][0-9]{0,{{ scale }}}0*)?$' then try_cast({{ said }} as {{ type }}) end
    {%- elif type in ['float', 'double'] -%}
        {#- The nearest that there is; not infinite, and not zero, for a number that is neither. #}
        case
            when {{ said }} rlike '^-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]{1,9})?$' then
                case when abs(try_cast({{ said }} as {{ type }})) < {{ type }}('Infinity') and (try_cast({{ said }} as {{ type }}) <> 0 or {{ said }} rlike '^-?[0.]+(?:[eE]|$)')
                    then try_cast({{ said }} as {{ type }}) end
            when left({{ raw }}, 1) = '{' and {{ said }} in ('NaN', 'Infinity', '-Infinity') then try_cast({{ said }} as {{ type }})
        end
    {%- elif type == 'date' -%}
        case
            when {{ said }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T00:00(?::00(?:[.]0+)?)?(?:Z|[+]00:?00)?)?$' then try_cast(left({{ said }}, 10) as date)
            when {{ millis }} then 
                case when bigint({{ said }}) % 86400000 = 0 and bigint({{ said }}) between -62135596800000 and 253402300799999
                    then date_add(date '1970-01-01', int(bigint({{ said }}) / 86400000)) end
        end
    {%- else -%}
        case
            {#- An instant without a zone is one of UTC, whatever the session's is. #}
            when {{ said }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6}0*)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?$' then
                try_cast(concat({{ said }}, case
                    when length({{ said }}) = 10 then 'T00:00:00Z' when length({{ said }}) = 16 then ':00Z' when {{ said }} rlike ':[0-9]{2}:[0-9.]+$' then 'Z' else ''
                end) as timestamp)
            {#- Milliseconds, of the years 1 to 9999: others Spark does not hold. #}
            when {{ millis }} then case when bigint({{ said }}) between -62135596800000 and 253402300799999 then timestamp_millis(bigint({{ said }})) end
        end
    {%- endif -%}
{%- endmacro %}


{#- A value as it may stand in `_flags`: a text as it is, all else as JSON. -#}
{% macro document_shown(raw) -%}
    case when left({{ raw }}, 1) in ('=', '#') then substring({{ raw }}, 2) else {{ document_untagged(raw) }} end
{%- endmacro %}


{#- A value as JSON text. -#}
{% macro document_as_json(raw) -%}
    case left({{ raw }}, 1)
        when '#' then substring({{ raw }}, 2)
        when '=' then substring(to_json(array(substring({{ raw }}, 2))), 2, length(to_json(array(substring({{ raw }}, 2)))) - 2)
        else {{ document_untagged(raw) }}
    end
{%- endmacro %}


{% macro document_untagged(raw) -%}
    regexp_replace(regexp_replace({{ raw }}, r'(?<!\\)"#([^"\\]*+)"', '$1'), r'"=((?s:[^"\\]++|\\.)*+)"', '"$1"')
{%- endmacro %}


{#- Paths of what no field is declared of, in the objects that the fields are in; null if there is nothing. -#}
{% macro document_unknown(nodes) -%}
    nullif(concat(
        cast(array() as array<string>)
        {%- for node in nodes.values() -%},
        {%- set known = ["'!'"] -%}
        {%- for name in node.children -%} {%- do known.append(document_literal('=' ~ name)) -%} {%- endfor %}
        coalesce(transform(
            array_except(map_keys(__o{{ node.number }}), array({{ known | join(', ') }})),
            __k -> concat({{ document_literal((node.path | join('.') ~ '.') if node.path else '') }}, substring(__k, 2))
        ), array())
        {%- endfor %}
    ), array())
{%- endmacro %}


{#- One thing that may be flagged: under which name, which value (with its sign), and when. -#}
{% macro document_flag(key, raw, odd) -%}
    struct({{ document_literal(key) }} as key, {{ raw }} as raw, {{ odd }} as is_odd)
{%- endmacro %}


{#- What is flagged of the text as a whole: it is no JSON, or half a sign stands in it. -#}
{% macro document_flag_of_text(text) -%}
    {%- set column = document_name(text) -%}
    {{ document_flag(text, "concat('=', left(" ~ column ~ ', 1000))', '__root is null') }},
    {#- \ud83d alone: half of a sign beyond the first 65,536. Spark's texts hold none. #}
    {%- set half %} {{ column }} rlike r'(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F])' {% endset %}
    {{ document_flag(text ~ '.*', "'=half of a surrogate pair, read as ?'", half) }}
{%- endmacro %}


{#- What is flagged of an object: a name that stands in it twice, or that it is none. -#}
{% macro document_flags_of_object(node, text, held, apart) -%}
    {%- set raw, twice, key = '__r' ~ node.number, '__o' ~ node.number ~ "['!']", ([text] + node.path) | join('.') -%},
            {{ document_flag(key ~ '.', "concat('=more than once: ', substring(replace(concat(', ', " ~ twice ~ "), ', =', ', '), 3))", twice ~ ' is not null') }}
    {%- if node.path | string not in held -%},
            {{ document_flag(key, raw, 'left(' ~ raw ~ ", 1) not in ('{'" ~ (", '['" if node.path | string in apart else '') ~ ')') }}
    {%- endif -%}
{%- endmacro %}


{#- `_flags` with what was found here, an array that the caller writes; what was there stays, but for a column of the same name. -#}
{% macro document_flags(flags) -%}
    {%- set before = document_name(flags) if flags else 'cast(null as string)' -%}
    try_element_at(transform(array(struct({{ before }} as before, from_json({{ before }}, 'map<string,string>') as told, filter(array(
{%- endmacro %}


{% macro document_flags_end() -%}
        ), __f -> __f.is_odd and not startswith(__f.raw, '{"=$undefined":')) as found)), __x -> case
            when size(__x.found) = 0 then __x.before
            else to_json(map_concat(
                coalesce(map_filter(__x.told, (__k, __v) -> not array_contains(__x.found.key, __k)), map()),
                map_from_arrays(__x.found.key, transform(__x.found, __f -> {{ document_shown('__f.raw') }}))
            ))
        end), 1)
{%- endmacro %}


{#- A field is understood, or a compiler error says what is not. -#}
{% macro document_field_check(field) -%}
    {%- set types = ['string', 'boolean', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'date', 'timestamp', 'json', 'kind'] -%}
    {%- if field is not mapping or 'path' not in field or 'type' not in field -%}
        {{- exceptions.raise_compiler_error('flattened_documents: ' ~ field ~ " is no field (wanted: {'path': …, 'type': …, 'name': …}).") -}}
    {%- endif -%}
    {%- for word in field if word not in ['path', 'type', 'name'] -%}
        {{- exceptions.raise_compiler_error('flattened_documents: ' ~ field.path ~ ' says ' ~ word ~ ' (wanted: path, type, name).') -}}
    {%- endfor -%}
    {%- if not field.path and not field.name -%}
        {{- exceptions.raise_compiler_error("flattened_documents: the field [] has no name of its own. Give it a 'name'.") -}}
    {%- endif -%}
    {%- if field.type | lower not in types and not (field.type | lower).startswith('decimal') -%}
        {{- exceptions.raise_compiler_error(
            'flattened_documents: ' ~ field.path ~ ' is to be ' ~ field.type ~ ' (wanted: ' ~ types | join(', ') ~ ' or decimal(p,s)). Take json for what has none of them.'
        ) -}}
    {%- endif -%}
{%- endmacro %}


{% macro document_name(name) -%}
    `{{ name | replace('`', '``') }}`
{%- endmacro %}


{% macro document_literal(text) -%}
    '{{ text | replace('\\', '\\\\') | replace("'", "\\'") }}'
{%- endmacro %}
