-- `changing`: scores that a call of record/effects.lua changes on a board. `plan`: see leaderboard/scoring.lua.
-- @include leaderboard/scoring
local changing = { rank = 3, texts = 4, lean_texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }

function changing.open(group, keys, from, to, fields, at)
  group.of = scoring.open({ unpack(keys, from, to) }, fields[at])
end

function changing.commands(group)
  local config = group.of.config
  local rolling, dense = false, false
  for _, window in ipairs(config.windows) do
    rolling = rolling or window.log
    dense = dense or window.d
  end
  local needed = 'ZADD ZREM ZINCRBY ZSCORE ZMSCORE PTTL PEXPIRE'
  if rolling then
    needed = needed .. ' XADD XRANGE XREVRANGE XTRIM EXISTS HMGET HGET HSET HDEL HINCRBY UNLINK'
  end
  if dense then
    needed = needed .. ' ZCOUNT'
  end
  if config.keep then
    needed = needed .. ' ZCARD ZPOPMAX HDEL ZRANK'
  end
  if config.ids then
    needed = needed .. ' XADD XRANGE XDEL HGET HSET HDEL'
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
  local plan = scoring.prepare(of, changes, true)
  if type(plan) ~= 'table' or plan.err then
    return nil, plan
  end
  return plan
end

function changing.apply(group, plan)
  local values = scoring.apply(group.of, plan, 0, false)
  if type(values) == 'string' then
    return values
  end
  local lines = {}
  for nth, reply in ipairs(values) do
    lines[nth] = reply[1]
  end
  return table.concat(lines, '\n')
end
