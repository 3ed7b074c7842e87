//! GROUP BY, and whether a query is grouped at all.

use sqlparser::ast::{Expr, GroupByExpr, OrderByExpr, Select};

use super::super::error::{Error, Result};
use super::bound::Bound;
use super::names::Cx;
use super::query::ordinal;
use super::select::Item;
use super::{Binder, unsupported};

impl Binder<'_> {
    /// The texts of what a query is grouped by; empty if there are aggregates alone, none if it is not grouped.
    pub(super) fn groups(
        &self,
        select: &Select,
        items: &[Item<'_>],
        order: &[OrderByExpr],
        cx: &Cx<'_>,
    ) -> Result<Option<Vec<String>>> {
        let GroupByExpr::Expressions(keys, modifiers) = &select.group_by else {
            return Err(unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(unsupported("ROLLUP, CUBE or GROUPING SETS"));
        }
        let mut groups = Vec::new();
        for key in keys {
            let key = self.group_key(key, items, cx)?;
            if key.literal.is_some() || key.ty.is_none() {
                return Err(unsupported("GROUP BY of a constant"));
            }
            if !super::names::comparable(key.ty.as_ref()) {
                return Err(Error::query(format!(
                    "Grouping by expressions of type {} is not allowed",
                    key.type_name()
                )));
            }
            groups.push(key.sql);
        }
        let grouped = !groups.is_empty() || select.having.is_some() || self.aggregates(items, order, cx);
        Ok(grouped.then_some(groups))
    }

    /// A key may be a place in the select list, an alias of it, or an expression.
    fn group_key(&self, key: &Expr, items: &[Item<'_>], cx: &Cx<'_>) -> Result<Bound> {
        let cx = cx.plain("in GROUP BY");
        if let Some(at) = ordinal(key, items.len())? {
            return self.item(&items[at], &cx);
        }
        if let Expr::Identifier(ident) = key {
            let named = |item: &&Item<'_>| matches!(item, Item::Expr(_, Some(name)) if name.eq_ignore_ascii_case(&ident.value));
            if let Some(item) = items.iter().find(named) {
                return self.item(item, &cx);
            }
        }
        self.expression(key, &cx)
    }

    /// Whether an aggregate stands in the list or in ORDER BY. What cannot be bound here is told where it is bound for good.
    fn aggregates(&self, items: &[Item<'_>], order: &[OrderByExpr], cx: &Cx<'_>) -> bool {
        let list = items.iter().filter_map(|item| match item {
            Item::Expr(expr, _) => Some(*expr),
            Item::Column(_) => None,
        });
        for expr in list.chain(order.iter().map(|key| &key.expr)) {
            let _ = self.expression(expr, cx);
        }
        cx.aggregates.get()
    }
}
