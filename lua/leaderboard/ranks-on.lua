--- Read a member's sort value and rank on several boards of a space.
-- @batch 4
-- @readonly
-- @include leaderboard/board
-- @include now
-- @include leaderboard/rows
-- @shared keys keys  the keys of one all-time or calendar window of each board, one board after the other
-- @shared plan       JSON: for each board its `plan` (see lua/_lib/leaderboard/board.lua, with one window), and `first` and `last`, the indexes of its keys
-- @item arg member   member
-- @item arg style    ordinal, competition or dense
-- @returns integer|string Redis' time, when it is outside of the periods that the client sent; else two lines for each board: sort value and rank count, both empty when the member is not on it

local list = cjson.decode(plan)
local windows

-- The window of each board; nil when Redis' time is outside of the periods of one.
local function open()
  local found = {}
  for at, each in ipairs(list) do
    local opened = board.open({ unpack(keys, each.first, each.last) }, each.plan)
    if not opened then
      return nil
    end
    found[at] = opened[1]
  end
  return found
end

local function item(member, style)
  windows = windows or open()
  if not windows then
    return now
  end
  local lines, members = {}, cjson.encode({ member })
  for at, each in ipairs(list) do
    lines[at] = rows.of(each.plan, windows[at], style, rows.how('0'), members)
  end
  return table.concat(lines, '\n')
end
