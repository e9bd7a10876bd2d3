{{ config(unique_key=['customer_id', '_valid_from'], meta={'on_tombstone': 'ignore'}) }}

with source as (
    select * from {{ ref('stg_shop__customers') }}
),

-- A version that comes in ends the one before it: all versions of its key are looked at.
touched as (
    select customer_id from source where {{ is_new_batch() }}
),

versions as (
    select * from source
    {% if is_incremental() %} left semi join touched using (customer_id) {% endif %}
),

history as (
    {{ versions_over_time('versions', key=['customer_id'], values=[
        'customer_uuid', 'full_name', 'email', 'phone_number', 'birth_date', 'country_code', 'preferences',
        'tags', 'is_vip', 'credit_limit', 'registered_at', 'deleted_at'
    ], changed_at='updated_at') }}
),

final as (
    select * from history where {{ is_new_batch() }}
)

select * from final
