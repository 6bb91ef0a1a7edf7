-- `changing`: scores that a call of record/effects.lua changes on a board. The field: see leaderboard/scoring.lua. A group of the kind
-- `announce` also finds what its changes do to the ranking of the board's `events`: `ranking` has it for each change, as JSON, or false.
-- @include leaderboard/scoring
-- @include record/small
local changing = { rank = 3, texts = 4, lean_texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }

function changing.open(group, keys, from, to, fields, at)
  group.of = scoring.open({ unpack(keys, from, to) }, fields[at])
  group.announces, group.ranking, group.looked = group.name == 'announce', {}, false
end

function changing.commands(group)
  local config = group.of.config
  local rolling, dense = false, false
  for _, window in ipairs(config.windows) do
    rolling = rolling or window.log
    dense = dense or window.d
  end
  local needed = 'ZADD ZREM ZINCRBY ZSCORE ZMSCORE ZCARD PTTL PEXPIRE'
  if rolling then
    needed = needed .. ' XADD XRANGE XREVRANGE XTRIM EXISTS HMGET HGET HSET HDEL HINCRBY UNLINK'
  end
  if dense then
    needed = needed .. ' ZRANGE'
  end
  if config.keep then
    needed = needed .. (config.reverse and ' ZPOPMIN HDEL ZREVRANK' or ' ZPOPMAX HDEL ZRANK')
  end
  if config.ids then
    needed = needed .. ' XADD XRANGE XDEL HGET HSET HDEL'
  end
  if group.announces then
    needed = needed .. (config.reverse and ' ZREVRANK ZRANGE' or ' ZRANK ZRANGE')
  end
  local commands = {}
  for command in string.gmatch(needed, '%u+') do
    commands[#commands + 1] = command
  end
  return commands
end

function changing.prepare(group, texts, from)
  local of, lean = group.of, group.lean
  local changes = {}
  for nth = 1, group.n do
    if lean then
      changes[nth] = { 'i', texts[from], tonumber(texts[from + 1]) }
      from = from + 2
    else
      local id = texts[from + 3]
      changes[nth] = { texts[from], texts[from + 1], tonumber(texts[from + 2]), id ~= '' and id or nil }
      from = from + 4
    end
  end
  local plan = scoring.prepare(of, changes, not group.announces)
  if type(plan) ~= 'table' or plan.err then
    return nil, plan
  end
  if not group.looked then
    group.looked = true
    for _, window in ipairs(of.windows) do
      group.small = group.small and redis.call('ZCARD', window.z) <= SMALL
    end
  end
  return plan
end

local function json_of(value)
  return value and cjson.encode(value) or 'null'
end

-- The change of the ranking as JSON; false when there is none.
local function ranking_of(member, from, to, entered, left, passed)
  if from == to and not entered and not left and #passed == 0 then
    return false
  end
  local overtaken = {}
  for at, each in ipairs(passed) do
    overtaken[at] = cjson.encode(each)
  end
  return '"member":' .. cjson.encode(member)
    .. ',"previousRank":' .. json_of(from and from + 1)
    .. ',"rank":' .. json_of(to and to + 1)
    .. ',"entered":' .. json_of(entered)
    .. ',"left":' .. json_of(left)
    .. ',"overtaken":[' .. table.concat(overtaken, ',') .. ']'
end

function changing.apply(group, plan)
  local values = scoring.apply(group.of, plan, 0, group.announces)
  if type(values) == 'string' then
    return values
  end
  local lines = {}
  for nth, reply in ipairs(values) do
    lines[nth] = reply[1]
    if group.announces then
      group.ranking[nth] = ranking_of(plan.changes[nth][2], unpack(reply[3], 1, 5))
    end
  end
  return table.concat(lines, '\n')
end
