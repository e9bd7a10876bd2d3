{{ config(materialized='view') }}
{%- set fields = [
    {'path': 'productType', 'type': 'string', 'name': 'product_type'},
    {'path': 'productId', 'type': 'string', 'name': 'product_id'},
    {'path': 'createdAt', 'type': 'timestamp', 'name': 'acquired_at'},
] %}
{%- set kept = ['_id', '_file', '_line', '_batch_id', '_ingested_at', '_op', '_source_lsn'] %}

with source as (
    select * from {{ source('credit', 'users') }}
),

elements as (
    {{ array_elements('source', 'alreadyHaveProducts', keep=kept) }}
),

flat as (
    {{ flattened_documents('elements', fields, keep=kept + ['_position'], text='_element') }}
),

final as (
    select
        _id as user_id,
        _position as product_position,
        product_type,
        product_id,
        acquired_at,
        cast(_ingested_at as date) as ingestion_date,
        _file,
        _line,
        _unknown_fields,
        {{ technical_columns() }}
    from flat
)

select * from final
