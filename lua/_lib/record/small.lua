-- `SMALL`: a board with at most so many members is small. Changes of it cost less, see `smallCost` of packages/core/src/record/effect.ts.
local SMALL = 30000
