//! Panes by counts of elements.

use super::Bundling::{AsWritten, Of, Reversed};
use super::triggers::{delay, fixed};
use super::{Case, Holds::Always, Holds::For, windowed};
use crate::trigger::{AtWatermark, after_count, repeatedly};
use crate::window::{Closing, Global};

pub(super) const CASES: &[Case] = &[
    Case::panes(
        "late elements that come one by one make a pane each",
        "TestStreamTest.testLateDataAccumulating",
        "Count triggers",
        || {
            let trigger = AtWatermark.early(delay(120_000)).late(after_count(1));
            windowed(fixed(300_000, trigger, 300_000).closing(Closing::FireAlways).accumulating())
        },
        For(&[Of(1)]),
        "in 1@0 2@0 3@0
         wm 6m
         => {1,2,3} [0,300000) @299999 (T,F,ON_TIME,0,0)
         in 4@0 5@0
         => {1,2,3,4} [0,300000) @299999 (F,F,LATE,1,1)
         => {1,2,3,4,5} [0,300000) @299999 (F,F,LATE,2,2)
         wm 10m
         => {1,2,3,4,5} [0,300000) @299999 (F,T,LATE,3,3)",
    ),
    Case::panes(
        "what is left at the end of the input comes out",
        "ReduceFnRunnerTest.fireNonEmptyOnDrainInGlobalWindow",
        "Count triggers",
        || windowed(Global::windows().trigger(repeatedly(after_count(3))).discarding()),
        For(&[Of(1), Reversed]),
        "in 0@0 1@1 2@2
         => {0,1,2} global @end (T,F,EARLY,0,-1)
         in 3@3 4@4 5@5
         => {3,4,5} global @end (F,F,EARLY,1,-1)
         in 6@6 7@7 8@8
         => {6,7,8} global @end (F,F,EARLY,2,-1)
         in 9@9 10@10 11@11
         => {9,10,11} global @end (F,F,EARLY,3,-1)
         in 12@12 13@13 14@14
         => {12,13,14} global @end (F,F,EARLY,4,-1)
         in 15@15 16@16 17@17
         => {15,16,17} global @end (F,F,EARLY,5,-1)
         in 18@18 19@19
         wm max
         => {18,19} global @end (F,T,ON_TIME,6,0)",
    ),
    Case::panes(
        "a count without repeatedly takes no more once it fired",
        "trigger_test.py test_after_count_streaming",
        "Count triggers",
        || {
            let windows = fixed(10, after_count(3), 0).accumulating();
            windowed(windows.finishing_trigger_may_lose_data())
        },
        Always,
        "in A:1@1 A:2@2 A:3@3
         => A:{1,2,3} [0,10) @9 (T,T,EARLY,0,-1)
         in A:4@4 A:5@5 A:6@6
         in B:1@1 B:2@2 B:3@3
         => B:{1,2,3} [0,10) @9 (T,T,EARLY,0,-1)
         closed 3",
    ),
    Case::panes(
        "counts are of whole bundles: of two",
        "trigger_test.py test_fixed_watermark_with_early",
        "Count triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(2)), 0).accumulating()),
        For(&[Of(2)]),
        "in 1@1 2@2 3@3
         => {1,2} [0,10) @9 (T,F,EARLY,0,-1)
         wm max
         => {1,2,3} [0,10) @9 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "counts are of whole bundles: of three",
        "trigger_test.py test_fixed_watermark_with_early",
        "Count triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(2)), 0).accumulating()),
        For(&[AsWritten, Of(3)]),
        "in 1@1 2@2 3@3
         => {1,2,3} [0,10) @9 (T,F,EARLY,0,-1)
         wm max
         => {1,2,3} [0,10) @9 (F,T,ON_TIME,1,0)",
    ),
    Case::panes(
        "each window counts for itself",
        "trigger_transcripts.yaml discarding_early_fixed",
        "Count triggers",
        || windowed(fixed(10, AtWatermark.early(after_count(2)), 0).discarding()),
        For(&[AsWritten, Of(3)]),
        "in 1@1 2@2 3@3
         => {1,2,3} [0,10) @9 (T,F,EARLY,0,-1)
         in 4@4
         in 14@14
         in 5@5
         => {4,5} [0,10) @9 (F,F,EARLY,1,-1)
         in 18@18
         => {14,18} [10,20) @19 (T,F,EARLY,0,-1)
         in 6@6
         wm 100
         => {6} [0,10) @9 (F,T,ON_TIME,2,0)
         => {} [10,20) @19 (F,T,ON_TIME,1,0)",
    ),
];
