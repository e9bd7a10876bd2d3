with recursive categories as (
    select * from {{ ref('int_categories__current') }} where not _is_deleted
),

-- From the roots down: a category whose ancestors form a circle, or are missing, is never reached.
tree as (
    select
        category_id,
        category_name,
        parent_category_id,
        category_id as top_category_id,
        category_name as top_category_name,
        category_name as category_path,
        1 as category_level,
        _batch_id
    from categories
    where parent_category_id is null
    union all
    select
        categories.category_id,
        categories.category_name,
        categories.parent_category_id,
        tree.top_category_id,
        tree.top_category_name,
        concat(tree.category_path, ' > ', categories.category_name) as category_path,
        tree.category_level + 1 as category_level,
        categories._batch_id
    from categories
    inner join tree on categories.parent_category_id = tree.category_id
),

final as (
    select * from tree
)

select * from final
