{{ config(materialized='view') }}
{%- set fields = [
    {'path': 'name', 'type': 'string', 'name': 'full_name'},
    {'path': 'createdAt', 'type': 'timestamp', 'name': 'registered_at'},
    {'path': 'updatedAt', 'type': 'timestamp', 'name': 'updated_at'},
    {'path': 'score.score', 'type': 'int', 'name': 'score'},
    {'path': 'score.scoreName', 'type': 'string', 'name': 'score_name'},
    {'path': 'score.scoreText', 'type': 'string', 'name': 'score_text'},
    {'path': 'score.scoreDescription', 'type': 'string', 'name': 'score_description'},
    {'path': 'score.hasConsumidorPositivo', 'type': 'boolean', 'name': 'has_positive_record'},
    {'path': 'score.hasDebts', 'type': 'boolean', 'name': 'has_debts'},
    {'path': 'score.updateCount', 'type': 'bigint', 'name': 'score_update_count'},
    {'path': 'score.createdAt', 'type': 'timestamp', 'name': 'scored_at'},
    {'path': 'score.origin.utm_source', 'type': 'string', 'name': 'utm_source'},
    {'path': 'score.origin.utm_medium', 'type': 'string', 'name': 'utm_medium'},
    {'path': 'score.origin.utm_campaign', 'type': 'string', 'name': 'utm_campaign'},
    {'path': 'score.origin.utm_term', 'type': 'string', 'name': 'utm_term'},
    {'path': 'score.origin.utm_content', 'type': 'string', 'name': 'utm_content'},
    {'path': 'score.origin.referrer', 'type': 'string', 'name': 'referrer'},
    {'path': 'score.origin.ip', 'type': 'string', 'name': 'ip_addresses'},
    {'path': 'score.origin.useragent', 'type': 'string', 'name': 'user_agent'},
] %}

with source as (
    select * from {{ source('credit', 'users') }}
),

flat as (
    {{ flattened_documents(
        'source',
        fields,
        keep=['_id', '_file', '_line', '_batch_id', '_ingested_at', '_op', '_source_lsn'],
        besides=['_id', 'alreadyHaveProducts']
    ) }}
),

final as (
    select
        _id as user_id,
        full_name,
        registered_at,
        updated_at,
        score,
        score_name,
        score_text,
        score_description,
        has_positive_record,
        has_debts,
        score_update_count,
        scored_at,
        utm_source,
        utm_medium,
        utm_campaign,
        utm_term,
        utm_content,
        referrer,
        ip_addresses,
        user_agent,
        cast(_ingested_at as date) as ingestion_date,
        _file,
        _line,
        _unknown_fields,
        {{ technical_columns() }}
    from flat
)

select * from final
