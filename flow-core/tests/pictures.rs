//! The pictures of the guide are what their programs draw.

#[path = "../examples/panes/drawing.rs"]
mod drawing;
#[path = "../examples/panes/story.rs"]
mod story;

#[test]
fn the_picture_of_panes_is_what_its_program_draws() {
    let committed = include_str!("../../docs/guide/img/panes.svg");
    assert!(
        drawing::picture() == committed,
        "docs/guide/img/panes.svg is out of date: run `cargo run -p flow-core --example panes`"
    );
}

#[test]
fn each_trigger_tells_the_story_in_its_own_panes() {
    let [default, early, sessions] = story::panels();
    let panes =
        |panel: &story::Panel| -> Vec<Vec<i64>> { panel.panes.iter().map(|p| p.values.clone()).collect() };
    assert_eq!(panes(&default), [vec![5, 7, 8], vec![5, 7, 8, 9], vec![3, 4], vec![3, 4, 1], vec![2, 6]],);
    assert_eq!(panes(&early).len(), 9);
    assert_eq!(panes(&sessions), [vec![5, 7], vec![3, 8], vec![4, 2], vec![6]]);
    assert_eq!(sessions.dropped, [9, 1]);
}
