--- Remove all members of a board, or of one of its windows, previous periods and the next one included.
--
-- It unlinks the keys, so that large ones cost no more. A process may die before or after the call.
-- @batch 1
-- @full runs         it frees memory; the markers that it adds are small
-- @include leaderboard/board
-- @include leaderboard/end_increments
-- @include leaderboard/tell_change
-- @include now
-- @shared keys keys  the windows' keys, data and stored ids, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/removal.lua; also `ids` and `idlog`
-- @item arg window   the only window of the plan by name; empty for all, with the members' data and the ids of increments
-- @returns integer|string Redis' time, when it is outside of the periods that the client sent; else '+'

local config = cjson.decode(plan)

-- Ids of increments after this one are larger than those before it: records of ids name entries of this log.
local function empty_log(window)
  local last = redis.call('XREVRANGE', window.log, '+', '-', 'COUNT', 1)[1]
  redis.call('UNLINK', window.log, window.gone, window.parts or window.log)
  if last then
    redis.call('XADD', window.log, last[1], 'm', '', 'b', '0')
    redis.call('XDEL', window.log, last[1])
    redis.call('PEXPIRE', window.log, math.ceil(window.last / 1000) + 3600000)
  end
end

local function item(window)
  local open = board.open(keys, config)
  if not open then
    return now
  end
  local wrong = board.wrong(config, keys, open)
  if wrong then
    return wrong
  end
  tell_change(config)
  for at, each in ipairs(open) do
    local plain = config.windows[at]
    for nth, z in ipairs(plain.z) do
      redis.call('UNLINK', keys[z], keys[plain.d and plain.d[nth] or z])
    end
    if each.log then
      empty_log(each)
    elseif window ~= '' and config.ids then
      end_increments(keys[config.ids], keys[config.idlog], each, plain, window)
    end
  end
  for _, former in ipairs(config.former) do
    redis.call('UNLINK', keys[former[1]], keys[former[2]] or keys[former[1]])
  end
  if window == '' then
    redis.call('UNLINK', keys[config.data])
    if config.ids then
      redis.call('UNLINK', keys[config.ids], keys[config.idlog])
    end
  end
  return '+'
end
