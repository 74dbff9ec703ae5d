/** @file The styles that there are; a new one is a file and a line here. */
import './graph-metanetwork.ts';
import './neural-graph.ts';
